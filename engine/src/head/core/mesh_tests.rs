//! Who becomes a member, and what ends a mesh.

use super::super::tests::{beat, ended, head, name, open, pass, running, submit};
use super::super::{ChildState, Order, WishForTask};
use super::*;

const CONNECTIONS: u32 = 40;

/// A head with a job whose splits are done but for nothing: workers `w1` (it conducts) to `wN`, with two slots each.
struct Scene {
    core: Core,
    conductor: TaskName,
    order: Order,
}

impl Scene {
    fn new(workers: usize, connections: u32) -> Scene {
        let mut core = head();
        beat(&mut core, "w1", 2, &[]);
        let job = submit(&mut core, "shop");
        let order = beat(&mut core, "w1", 2, &[]).remove(0);
        let conductor = name("w1", &job, 1);
        open(&mut core, &conductor, 0, connections);
        for worker in 2..=workers {
            beat(&mut core, &format!("w{worker}"), 2, &[]);
        }
        Scene { core, conductor, order }
    }

    fn meet(&mut self, after: u64) -> (u64, u32) {
        self.core.meet(&self.conductor, after, b"brief".to_vec()).expect("its own job")
    }

    fn met(&mut self, generation: u64) -> Met {
        self.core.met(&self.conductor, generation).expect("its own job")
    }

    fn name(&self, worker: &str) -> TaskName {
        TaskName { worker: worker.to_owned(), ..self.conductor.clone() }
    }

    fn join(&mut self, worker: &str, generation: u64) -> Result<Gathered, Refusal> {
        let task = self.name(worker);
        self.core.mesh_join(&task, generation, &format!("127.0.0.1:700{}", &worker[1..]))
    }

    fn report(&mut self, worker: &str, generation: u64) -> Result<(), Refusal> {
        let task = self.name(worker);
        self.core.mesh_report(&task, generation, worker.as_bytes().to_vec())
    }

    /// What a worker is told to do about members.
    fn orders(&mut self, worker: &str, children: &[ChildState]) -> Vec<Order> {
        let conducts = (worker == "w1").then(|| running(&self.order));
        let children: Vec<ChildState> = conducts.into_iter().chain(children.iter().cloned()).collect();
        let orders = beat(&mut self.core, worker, 2, &children).into_iter();
        orders.filter(|order| matches!(order.task.role, Role::Meet { .. })).collect()
    }

    fn said(&mut self) -> String {
        format!("{:?}", self.core.take_changes())
    }
}

/// What a validator says.
fn worker_beat(worker: &str) -> super::super::Beat {
    super::super::Beat {
        worker: worker.to_owned(),
        instance: String::new(),
        number: 0,
        classes: vec![Class::Validator],
        zone: String::new(),
        version: String::new(),
        slots: 2,
        draining: false,
        children: Vec::new(),
        network: "here".to_owned(),
    }
}

#[test]
fn the_shape_with_the_most_threads_is_taken_and_then_that_with_more_members() {
    assert_eq!(shape(&[4, 4, 1], 40), Some((2, 4)));
    assert_eq!(shape(&[2, 2, 2], 40), Some((3, 2)));
    assert_eq!(shape(&[4, 2, 2], 40), Some((3, 2)));
    assert_eq!(shape(&[2, 1], 40), Some((2, 1)));
    assert_eq!(shape(&[4, 4], 5), Some((2, 2)));
    assert_eq!(shape(&[4, 4], 1), None);
    assert_eq!(shape(&[4], 40), None);
    assert_eq!(shape(&[], 40), None);
    assert_eq!(shape(&[1; 40], 100).map(|(members, _)| members), Some(MEMBERS_MAX));
}

#[test]
fn members_are_picked_begun_gathered_and_heard_out() {
    let mut scene = Scene::new(3, CONNECTIONS);
    let (generation, members) = scene.meet(0);
    assert_eq!(members, 3);
    assert_eq!(scene.meet(0), (generation, 3), "asked again, it is the same mesh");
    for worker in ["w1", "w2", "w3"] {
        let orders = scene.orders(worker, &[]);
        assert_eq!((orders.len(), orders[0].wish, orders[0].plan.is_empty()), (1, WishForTask::Run, false));
        assert_eq!(
            orders[0].task.slots,
            if worker == "w1" { 0 } else { 2 },
            "a conductor's slots are not counted twice"
        );
    }
    let of_others = scene.name("w4");
    assert!(matches!(scene.core.mesh_brief(&of_others, generation), Err(Refusal::Lost { .. })));
    let own = scene.name("w2");
    assert_eq!(scene.core.mesh_brief(&own, generation), Ok(b"brief".to_vec()));
    assert!(scene.join("w1", generation).is_ok_and(|gathered| gathered.members.is_empty()));
    assert!(scene.join("w3", generation).is_ok_and(|gathered| gathered.members.is_empty()));
    let gathered = scene.join("w2", generation).expect("a member");
    assert_eq!((gathered.index, gathered.threads), (1, 2));
    let addresses: Vec<&str> = gathered.members.iter().map(|(_, address)| address.as_str()).collect();
    assert_eq!(addresses, ["127.0.0.1:7001", "127.0.0.1:7002", "127.0.0.1:7003"]);
    for worker in ["w3", "w1"] {
        scene.report(worker, generation).expect("a member");
        assert_eq!(scene.met(generation), Met::Running);
    }
    scene.report("w2", generation).expect("a member");
    assert_eq!(scene.met(generation), Met::Done(vec![b"w1".to_vec(), b"w2".to_vec(), b"w3".to_vec()]));
    assert!(scene.said().contains("references were checked by 3 workers together"));
}

#[test]
fn there_is_no_mesh_of_one_and_none_without_connections() {
    assert_eq!(Scene::new(1, CONNECTIONS).meet(0), (0, 0));
    // The conductor has two slots, of two connections each: that leaves one slot.
    assert_eq!(Scene::new(3, 6).meet(0), (0, 0));
    assert_eq!(Scene::new(3, 8).meet(0).1, 2);
}

#[test]
fn only_workers_that_can_connect_to_each_other_meet() {
    let mut scene = Scene::new(2, CONNECTIONS);
    for (worker, network) in [("w3", "there"), ("w4", "there"), ("w5", "there"), ("w6", ""), ("w7", "elsewhere")] {
        let mut beat = worker_beat(worker);
        beat.network = network.to_owned();
        scene.core.beat(beat).expect("a sound beat");
    }
    assert_eq!(scene.meet(0).1, 3);
    let said = scene.said();
    assert!(said.contains("3 workers meet with 2 threads each: w3, w4, w5"), "{said}");
}

#[test]
fn a_member_that_dies_ends_the_mesh_and_the_next_has_a_later_number() {
    let mut scene = Scene::new(3, CONNECTIONS);
    let (first, _) = scene.meet(0);
    let orders: Vec<Order> = ["w1", "w2", "w3"].iter().flat_map(|worker| scene.orders(worker, &[])).collect();
    scene.report("w1", first).expect("a member");
    // One that has reported may end.
    scene.orders("w1", &[ended(&orders[0], 0)]);
    assert_eq!(scene.met(first), Met::Running);
    scene.orders("w2", &[ended(&orders[1], 70)]);
    let Met::Lost(why) = scene.met(first) else { panic!("it goes on") };
    assert!(why.contains("worker w2 ended with exit code 70: it broke"), "{why}");
    assert!(matches!(scene.join("w3", first), Err(Refusal::Lost { .. })));
    assert!(matches!(scene.report("w3", first), Err(Refusal::Lost { .. })));
    let killed = scene.orders("w3", &[running(&orders[2])]);
    assert_eq!(killed.iter().map(|order| order.wish).collect::<Vec<_>>(), [WishForTask::Kill]);
    let (second, members) = scene.meet(first);
    assert!(second > first && members == 3, "{second} {members}");
    assert!(matches!(scene.join("w3", first), Err(Refusal::Lost { .. })), "an older generation has no place in it");
    assert!(scene.join("w3", second).is_ok());
    assert!(matches!(scene.met(first), Met::Lost(_)));
    // The end of a process of the former generation is nothing to the newer one.
    scene.orders("w2", &[ended(&orders[1], 70)]);
    assert_eq!(scene.met(second), Met::Running);
}

#[test]
fn a_member_that_hangs_ends_the_mesh_when_its_time_is_over_and_is_not_asked_again() {
    let mut scene = Scene::new(3, CONNECTIONS);
    let (generation, _) = scene.meet(0);
    let begun = scene.core.now;
    while scene.core.now < begun + LEASE_MS {
        let until = scene.core.now + 1_000;
        pass(&mut scene.core, until);
        for worker in ["w1", "w2", "w3"] {
            let orders = scene.orders(worker, &[]);
            let children: Vec<ChildState> = orders.iter().map(running).collect();
            scene.orders(worker, &children);
        }
        for worker in ["w1", "w3"] {
            scene.join(worker, generation).expect("a member");
        }
        assert_eq!(scene.met(generation), Met::Running);
    }
    let until = scene.core.now + 1_000;
    pass(&mut scene.core, until);
    let Met::Lost(why) = scene.met(generation) else { panic!("it goes on") };
    assert!(why.contains("worker w2 was not heard of"), "{why}");
    for worker in ["w1", "w2", "w3"] {
        scene.orders(worker, &[]);
    }
    let (second, members) = scene.meet(generation);
    assert_eq!(members, 2);
    assert!(matches!(scene.join("w2", second), Err(Refusal::Lost { .. })));
}

#[test]
fn a_lost_worker_ends_the_mesh_and_so_does_the_end_of_the_attempt() {
    let mut scene = Scene::new(3, CONNECTIONS);
    let (generation, _) = scene.meet(0);
    // Started again, it has nothing of what it had.
    assert_eq!(scene.orders("w3", &[]).len(), 1);
    let restarted = super::super::Beat { instance: "another".to_owned(), number: 1, ..worker_beat("w3") };
    scene.core.beat(restarted).expect("a sound beat");
    assert!(matches!(scene.met(generation), Met::Lost(_)));
    let (second, members) = scene.meet(generation);
    assert_eq!(members, 3, "a validator may be a member");
    let conductor = scene.conductor.clone();
    scene.core.conclude(&conductor, 6, String::new(), String::new()).expect("its own job");
    assert!(matches!(scene.join("w2", second), Err(Refusal::Lost { .. })));
    assert!(matches!(scene.core.met(&conductor, second), Err(Refusal::Lost { .. })));
}

/// The number is the head's term and a counter.
#[test]
fn heads_never_give_the_same_number() {
    let mut scene = Scene::new(2, CONNECTIONS);
    let (first, _) = scene.meet(0);
    let later = Core::recover(super::super::Loaded::default(), 2, 1_000);
    assert!(later.last_lease > first);
}

//! What may befall a cluster, and what puts it right again: a seed decides what, when, and for how long.

use std::fs::File;
use std::path::PathBuf;
use std::time::Duration;

use sensei_tests::cluster::{Cluster, Network, Worker};
use sensei_tests::{Deadline, Random};

use crate::ground::Servers;

/// How long a worker may take to leave.
const LEAVE_MAX: Duration = Duration::from_secs(60);

/// One thing that befalls a cluster.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// A worker is killed, and another starts.
    KillWorker,
    /// A worker is asked to leave, and another starts.
    EndWorker,
    /// A worker hangs with its processes.
    SuspendWorker,
    /// A worker's processes hang, and it does not.
    SuspendChildren,
    /// One process of a worker is killed.
    KillChild,
    /// A worker's network carries nothing.
    Silence,
    /// A worker's network is cut, and both ends are told.
    Cut,
    /// A worker's cable to the heads and to both databases is pulled, and no end is told.
    Pull,
    /// The head is killed, with another one standing by the one that leads; it is started again.
    KillHead,
    /// The head that leads hangs.
    SuspendHead,
    /// The source's server is killed and started again.
    KillSource,
    /// The target's server is killed and started again.
    KillTarget,
    /// The target's server is told to stop at once, and started again.
    StopTarget,
    /// The disk of the state is full.
    FillDisk,
}

/// How long faults last.
#[derive(Clone, Copy, Debug)]
pub struct Times {
    /// Faults begin within this.
    pub window: Duration,
    /// What hangs does so for up to this.
    pub hang_max: Duration,
    /// What is gone is so for up to this.
    pub away_max: Duration,
}

/// A fault's beginning or end.
#[derive(Clone, Debug)]
enum Step {
    Begin(Fault),
    Wake(String),
    Heal(String),
    StartHead(usize),
    WakeHead(usize),
    StartSource,
    StartTarget,
    Free,
}

/// A round's faults.
pub struct Faults {
    random: Random,
    times: Times,
    clock: Deadline,
    /// What comes, and when, the next one last.
    steps: Vec<(Duration, Step)>,
    leaving: Vec<Worker>,
    /// Which heads hang, or are gone.
    heads_away: Vec<usize>,
    source_away: bool,
    target_away: bool,
    /// What fills the disk, if it can be filled.
    ballast: Option<PathBuf>,
    /// What happened.
    pub happened: Vec<String>,
}

impl Faults {
    /// `count` of `choices` at random moments of the times to come.
    pub fn plan(
        random: &mut Random,
        times: Times,
        choices: &[Fault],
        count: usize,
        ballast: Option<PathBuf>,
    ) -> Faults {
        let mut random = Random::of(random.bits());
        let one = |_| (random.moment(times.window), Step::Begin(*random.pick(choices)));
        let steps = (0..count).map(one).collect();
        let mut faults = Faults {
            random,
            times,
            clock: Deadline::after(times.window),
            steps,
            leaving: Vec::new(),
            heads_away: Vec::new(),
            source_away: false,
            target_away: false,
            ballast,
            happened: Vec::new(),
        };
        faults.sort();
        faults
    }

    fn sort(&mut self) {
        self.steps.sort_by_key(|(at, _)| std::cmp::Reverse(*at));
    }

    /// Lets them happen, until all is well again.
    pub fn happen(&mut self, cluster: &mut Cluster, servers: &mut Servers) {
        self.clock = Deadline::after(self.times.window);
        while let Some((at, step)) = self.steps.pop() {
            std::thread::sleep(at.saturating_sub(self.clock.elapsed()));
            match step {
                Step::Begin(fault) => self.begin(fault, cluster, servers),
                other => self.mend(other, cluster, servers),
            }
        }
        for worker in self.leaving.drain(..) {
            let mut running = worker.running;
            let left = Deadline::after(LEAVE_MAX).wait_for(|| (!running.is_running()).then_some(()));
            assert!(left.is_some(), "worker {} does not leave: {}", worker.name, running.stderr());
            let outcome = running.wait();
            // One that was only just started does not listen to signals yet; it said nothing then.
            let never_began = outcome.code.is_none() && outcome.stderr.is_empty();
            if !never_began {
                outcome.expect(0);
            }
        }
    }

    fn note(&mut self, what: impl std::fmt::Display) {
        self.happened.push(format!("{:.1}s {what}", self.clock.elapsed().as_secs_f64()));
    }

    /// Has something put right after up to `longest`.
    fn then(&mut self, longest: Duration, step: Step) -> Duration {
        let pause = self.random.moment(longest);
        self.steps.push((self.clock.elapsed() + pause, step));
        self.sort();
        pause
    }

    fn begin(&mut self, fault: Fault, cluster: &mut Cluster, servers: &mut Servers) {
        let index = self.random.below(cluster.workers().len());
        let name = cluster.workers()[index].name.clone();
        let Times { hang_max, away_max, .. } = self.times;
        match fault {
            Fault::KillWorker => {
                let worker = cluster.take_worker(index);
                worker.running.kill9();
                self.note(format_args!("kill {name}"));
                self.replace(cluster, worker.proxy.is_some());
            }
            Fault::EndWorker => {
                let worker = cluster.take_worker(index);
                worker.heal();
                worker.running.terminate();
                self.note(format_args!("term {name}"));
                self.replace(cluster, worker.proxy.is_some());
                self.leaving.push(worker);
            }
            Fault::SuspendWorker | Fault::SuspendChildren => {
                let whole = fault == Fault::SuspendWorker;
                if whole {
                    cluster.suspend_worker(index)
                } else {
                    cluster.suspend_children(index)
                }
                let pause = self.then(hang_max, Step::Wake(name.clone()));
                let what = if whole { "hang" } else { "hang processes of" };
                self.note(format_args!("{what} {name} for {:.1}s", pause.as_secs_f64()));
            }
            Fault::KillChild => {
                let killed = cluster.workers()[index].kill_child();
                self.note(format_args!("kill a process of {name}{}", if killed { "" } else { ", which has none" }));
            }
            Fault::Silence | Fault::Cut => {
                let Some(proxy) = &cluster.workers()[index].proxy else { return };
                let silent = fault == Fault::Silence;
                proxy.set(if silent { Network::Silent } else { Network::Cut });
                let pause = self.then(hang_max, Step::Heal(name.clone()));
                let what = if silent { "silence" } else { "cut" };
                self.note(format_args!("{what} {name} for {:.1}s", pause.as_secs_f64()));
            }
            Fault::Pull => {
                let Some(wire) = &cluster.workers()[index].wire else { return };
                wire.cut();
                let pause = self.then(hang_max, Step::Heal(name.clone()));
                self.note(format_args!("pull the cable of {name} for {:.1}s", pause.as_secs_f64()));
            }
            Fault::KillHead | Fault::SuspendHead => self.head(fault, cluster),
            Fault::KillSource if !self.source_away => {
                servers.source.kill9();
                self.source_away = true;
                let pause = self.then(away_max, Step::StartSource);
                self.note(format_args!("kill the source for {:.1}s", pause.as_secs_f64()));
            }
            Fault::KillTarget | Fault::StopTarget if !self.target_away => {
                if fault == Fault::KillTarget {
                    servers.target.kill9()
                } else {
                    servers.target.stop()
                }
                self.target_away = true;
                let pause = self.then(away_max, Step::StartTarget);
                let what = if fault == Fault::KillTarget { "kill" } else { "stop" };
                self.note(format_args!("{what} the target for {:.1}s", pause.as_secs_f64()));
            }
            Fault::FillDisk => self.fill(),
            Fault::KillSource | Fault::KillTarget | Fault::StopTarget => {}
        }
    }

    fn head(&mut self, fault: Fault, cluster: &mut Cluster) {
        let Some(index) = cluster.leader(Duration::from_secs(1)) else { return };
        if self.heads_away.contains(&index) {
            return;
        }
        self.heads_away.push(index);
        if fault == Fault::KillHead {
            cluster.kill_head(index);
            let pause = self.then(self.times.away_max, Step::StartHead(index));
            self.note(format_args!("kill head {index} for {:.1}s", pause.as_secs_f64()));
        } else {
            cluster.head(index).suspend();
            let pause = self.then(self.times.hang_max, Step::WakeHead(index));
            self.note(format_args!("hang head {index} for {:.1}s", pause.as_secs_f64()));
        }
    }

    fn fill(&mut self) {
        let Some(ballast) = &self.ballast else { return };
        let mut zeros = std::io::repeat(0);
        // It ends by an error: there is no more room.
        let filled = File::create(ballast).and_then(|mut file| std::io::copy(&mut zeros, &mut file));
        assert!(filled.is_err(), "the disk has no end");
        let pause = self.then(self.times.away_max, Step::Free);
        self.note(format_args!("fill the disk for {:.1}s", pause.as_secs_f64()));
    }

    fn replace(&self, cluster: &mut Cluster, by_network: bool) {
        if by_network {
            cluster.add_worker_by_network(2)
        } else {
            cluster.add_worker(2)
        };
    }

    fn mend(&mut self, step: Step, cluster: &mut Cluster, servers: &mut Servers) {
        let position = |name: &str| cluster.workers().iter().position(|worker| worker.name == name);
        match step {
            Step::Wake(name) => position(&name).into_iter().for_each(|index| cluster.wake_worker(index)),
            Step::Heal(name) => {
                position(&name).into_iter().for_each(|index| cluster.workers()[index].heal());
            }
            Step::StartHead(index) => {
                cluster.start_head(index);
                self.heads_away.retain(|away| *away != index);
            }
            Step::WakeHead(index) => {
                cluster.head(index).wake();
                self.heads_away.retain(|away| *away != index);
            }
            Step::StartSource => {
                servers.source.restart();
                self.source_away = false;
            }
            Step::StartTarget => {
                servers.target.restart();
                self.target_away = false;
            }
            Step::Free => {
                // Filled twice is freed once.
                let _ = self.ballast.as_ref().map(std::fs::remove_file);
            }
            Step::Begin(_) => {}
        }
    }
}

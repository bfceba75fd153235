//! Workers: started, killed, suspended and woken with their processes.

use super::{Cluster, Network, Proxy, Wire};
use crate::Running;
use crate::process::{children, has_argument, signal};

/// A worker.
#[derive(Debug)]
pub struct Worker {
    /// Its name.
    pub name: String,
    /// The agent.
    pub running: Running,
    /// Its network to the head, where a proxy stands for one.
    pub proxy: Option<Proxy>,
    /// Its cable to everything, where it runs in a namespace of its own.
    pub wire: Option<Wire>,
}

impl Cluster<'_> {
    /// Starts a worker, by a cable if the cluster is on a network; its index.
    ///
    /// # Panics
    /// If this machine does not let it.
    pub fn add_worker(&mut self, slots: usize) -> usize {
        let url = self.url();
        self.add(slots, &url, None)
    }

    /// Starts a worker with a proxy of its own before the first head.
    pub fn add_worker_by_network(&mut self, slots: usize) -> usize {
        let proxy = Proxy::start(self.heads[0].port);
        let url = format!("http://127.0.0.1:{}", proxy.port());
        self.add(slots, &url, Some(proxy))
    }

    /// Starts a worker of these classes only, with variables of its own; its index.
    pub fn add_worker_of(&mut self, classes: &str, slots: usize, variables: &[(&str, &str)]) -> usize {
        self.workers_ever += 1;
        let (name, url, slots) = (format!("w{}", self.workers_ever), self.url(), slots.to_string());
        let arguments = ["worker", "--head", &url, "--name", &name, "--slots", &slots, "--classes", classes];
        let set = variables.iter().map(|(name, value)| format!("{name}={value}"));
        let launcher: Vec<String> = std::iter::once("env".to_owned()).chain(set).collect();
        let running = self.sensei.spawn_behind(&launcher, &arguments);
        self.guard.hold(running.pid());
        self.workers.push(Worker { name, running, proxy: None, wire: None });
        self.workers.len() - 1
    }

    fn add(&mut self, slots: usize, url: &str, proxy: Option<Proxy>) -> usize {
        self.workers_ever += 1;
        let name = format!("w{}", self.workers_ever);
        let wire = self.lan.as_ref().map(|lan| lan.wire().unwrap_or_else(|why| panic!("{why}")));
        if wire.is_some() {
            let classes = ["--classes", "scout,mover,validator"];
            let issue = ["certs", "issue", "certs", "worker", "--name", &name];
            self.sensei.run(&[&issue[..], &classes].concat()).expect(0);
        }
        let running = self.spawn_worker(&name, slots, url, wire.as_ref());
        self.workers.push(Worker { name, running, proxy, wire });
        self.workers.len() - 1
    }

    /// Kills a worker without warning, and starts another of its name.
    pub fn restart_worker(&mut self, index: usize, slots: usize) {
        let (name, url) = (self.workers[index].name.clone(), self.url());
        let former = self.workers.remove(index);
        self.guard.release(former.running.pid());
        former.running.kill9();
        let wire = former.wire;
        let running = self.spawn_worker(&name, slots, &url, wire.as_ref());
        self.workers.insert(index, Worker { name, running, proxy: None, wire });
    }

    fn spawn_worker(&self, name: &str, slots: usize, url: &str, wire: Option<&Wire>) -> Running {
        let slots = slots.to_string();
        let arguments = ["worker", "--head", url, "--name", name, "--slots", &slots, "--log-level", self.log_level];
        let certificate = self.certificate(&format!("worker-{name}"));
        let certificate: Vec<&str> = certificate.iter().map(String::as_str).collect();
        let arguments = [&arguments[..], &certificate[..]].concat();
        let running = match wire {
            Some(wire) => self.sensei.spawn_behind(&wire.launcher(), &arguments),
            None => self.sensei.spawn(&arguments),
        };
        self.guard.hold(running.pid());
        running
    }

    /// The workers that were not killed or told to leave.
    pub fn workers(&self) -> &[Worker] {
        &self.workers
    }

    /// Takes a worker out, to be killed or waited for by the caller.
    pub fn take_worker(&mut self, index: usize) -> Worker {
        let worker = self.workers.remove(index);
        worker.wake(self);
        self.guard.release(worker.running.pid());
        worker
    }

    /// Suspends a worker and its processes.
    pub fn suspend_worker(&self, index: usize) {
        let worker = &self.workers[index];
        worker.running.suspend();
        for child in worker.children() {
            self.guard.hold(child);
            signal("STOP", child);
        }
    }

    /// Suspends the processes of a worker, and not the worker.
    pub fn suspend_children(&self, index: usize) {
        for child in self.workers[index].children() {
            self.guard.hold(child);
            signal("STOP", child);
        }
    }

    /// Lets a worker and its processes go on.
    pub fn wake_worker(&self, index: usize) {
        self.workers[index].wake(self);
    }
}

impl Worker {
    /// Ids of its processes.
    pub fn children(&self) -> Vec<u32> {
        children(self.running.pid())
    }

    /// Makes its network whole again.
    pub fn heal(&self) {
        self.proxy.iter().for_each(|proxy| proxy.set(Network::Whole));
        self.wire.iter().for_each(Wire::heal);
    }

    /// Ids of its processes that check references together with others.
    pub fn members(&self) -> Vec<u32> {
        self.children().into_iter().filter(|child| has_argument(*child, "meet")).collect()
    }

    /// Kills its process that checks references together with others; whether there was one.
    pub fn kill_member(&self) -> bool {
        self.members().into_iter().inspect(|member| signal("KILL", *member)).count() > 0
    }

    /// Suspends its process that checks references together with others; whether there was one.
    pub fn suspend_member(&self) -> bool {
        self.members().into_iter().inspect(|member| signal("STOP", *member)).count() > 0
    }

    /// Kills one of its processes; whether there was one.
    pub fn kill_child(&self) -> bool {
        let child = self.children().first().copied();
        child.inspect(|child| signal("KILL", *child)).is_some()
    }

    fn wake(&self, cluster: &Cluster) {
        for child in self.children() {
            signal("CONT", child);
            cluster.guard.release(child);
        }
        self.running.wake();
    }
}

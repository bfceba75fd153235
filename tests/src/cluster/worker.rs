//! Workers: started, killed, suspended and woken with their processes.

use super::{Cluster, Proxy};
use crate::Running;
use crate::process::{children, has_argument, signal};

/// A worker.
#[derive(Debug)]
pub struct Worker {
    /// Its name.
    pub name: String,
    /// The agent.
    pub running: Running,
    /// Its network to the head.
    pub proxy: Option<Proxy>,
}

impl Cluster<'_> {
    /// Starts a worker; its index.
    pub fn add_worker(&mut self, slots: usize) -> usize {
        let url = self.url();
        self.add(slots, &url, None)
    }

    /// Starts a worker with a network of its own to the first head.
    pub fn add_worker_by_network(&mut self, slots: usize) -> usize {
        let proxy = Proxy::start(self.heads[0].port);
        let url = format!("http://127.0.0.1:{}", proxy.port());
        self.add(slots, &url, Some(proxy))
    }

    fn add(&mut self, slots: usize, url: &str, proxy: Option<Proxy>) -> usize {
        self.workers_ever += 1;
        let running = self.spawn_worker(&format!("w{}", self.workers_ever), slots, url);
        self.workers.push(Worker { name: format!("w{}", self.workers_ever), running, proxy });
        self.workers.len() - 1
    }

    /// Kills a worker without warning, and starts another of its name.
    pub fn restart_worker(&mut self, index: usize, slots: usize) {
        let (name, url) = (self.workers[index].name.clone(), self.url());
        let former = self.workers.remove(index);
        self.guard.release(former.running.pid());
        former.running.kill9();
        let running = self.spawn_worker(&name, slots, &url);
        self.workers.insert(index, Worker { name, running, proxy: None });
    }

    fn spawn_worker(&self, name: &str, slots: usize, url: &str) -> Running {
        let slots = slots.to_string();
        let arguments = ["worker", "--head", url, "--name", name, "--slots", &slots, "--log-level", self.log_level];
        let running = self.sensei.spawn(&arguments);
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

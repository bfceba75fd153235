//! Processes that work on one thing together, so that all are needed: a mesh. The conductor asks for one, the head picks its
//! members and numbers it, members say where they are reached and that they are there. The first that is lost, or not heard of
//! any more, ends the mesh, and the conductor asks for the next generation. Only in memory: a head that takes over knows of
//! none, which is what the conductor is told, too.
//!
//! **Invariant:** no two meshes have the same generation, whichever head numbered them.

use std::cmp::Reverse;
use std::collections::BTreeMap;

use super::pool::{Ending, Worker};
use super::schedule::{CONNECTIONS_PER_SLOT, Role, Task, is_denied};
use super::tasks::{TaskName, lost};
use super::{Core, LEASE_MS, shortened};
use crate::cluster::caller::Class;
use crate::head::record::{Half, Millis};
use crate::head::refusal::Refusal;

/// Members of a mesh at the most: each has a connection to every other.
const MEMBERS_MAX: usize = 16;
/// Bytes of what members of a mesh must know, at the most: a conductor that has more to say works alone.
pub const MESH_BRIEF_BYTES_MAX: usize = 16 << 20;
/// Bytes of what one found.
const OUTCOME_BYTES_MAX: usize = 1 << 20;
/// How recently a worker must have been heard of to become a member: one that is gone is not asked again.
const HEARD_WITHIN_MS: Millis = 1_500;

/// Some processes that work together.
#[derive(Debug)]
pub(super) struct Mesh {
    attempt: u32,
    generation: u64,
    /// Threads of each member.
    threads: u32,
    /// What members must know, as the engine's own record; the head does not read it.
    brief_json: Vec<u8>,
    /// In the order of their numbers.
    members: Vec<Member>,
    /// Why it is over, if it was lost.
    lost: Option<String>,
}

#[derive(Debug)]
struct Member {
    worker: String,
    /// Where the others reach it.
    address: Option<String>,
    heard: Millis,
    outcome_json: Option<Vec<u8>>,
}

/// What became of a mesh.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Met {
    /// It is under way.
    Running,
    /// It is over, for this reason.
    Lost(String),
    /// What each member found, in the order of their numbers.
    Done(Vec<Vec<u8>>),
}

/// What a member that joined is told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Gathered {
    /// Its number, from 0.
    pub index: u32,
    /// Threads of each member.
    pub threads: u32,
    /// Worker and address of all, in the order of their numbers; none until all have joined.
    pub members: Vec<(String, String)>,
}

impl Mesh {
    /// Nobody is held to a time in which the head hung.
    pub(super) fn postpone(&mut self, by: Millis) {
        self.members.iter_mut().for_each(|member| member.heard += by);
    }

    fn is_done(&self) -> bool {
        self.members.iter().all(|member| member.outcome_json.is_some())
    }

    /// A member that was to be heard of and was not.
    fn silent(&self, now: Millis) -> Option<&Member> {
        let is_silent = |member: &&Member| member.outcome_json.is_none() && now - member.heard > LEASE_MS;
        self.members.iter().find(is_silent).filter(|_| self.lost.is_none())
    }
}

impl Core {
    /// A mesh for a conductor that knows of none later than `after`: its generation and how many members it has. No member
    /// where there are fewer than two workers that could be.
    ///
    /// # Errors
    /// `Lost` where the job has gone on without the conductor; `TooLarge` for a brief that is.
    pub fn meet(&mut self, task: &TaskName, after: u64, brief_json: Vec<u8>) -> Result<(u64, u32), Refusal> {
        self.conducted_job(task)?;
        if brief_json.len() > MESH_BRIEF_BYTES_MAX {
            let (what, max) = ("the brief of a mesh".to_owned(), MESH_BRIEF_BYTES_MAX as u64);
            return Err(Refusal::TooLarge { what, max, unit: "bytes" });
        }
        if let Some(mesh) = self.meshes.get(&task.job).filter(|mesh| mesh.generation > after && !mesh.is_done()) {
            return Ok((mesh.generation, mesh.members.len() as u32));
        }
        self.tasks.retain(|known| known.job != task.job || !matches!(known.role, Role::Meet { .. }));
        self.meshes.remove(&task.job);
        let Some((workers, threads)) = self.team(task) else { return Ok((0, 0)) };
        self.last_lease += 1;
        let (generation, since) = (self.last_lease, self.now);
        for worker in &workers {
            // The conductor waits meanwhile: its slots are the member's.
            let slots = if *worker == task.worker { 0 } else { threads };
            let (job, worker, role) = (task.job.clone(), worker.clone(), Role::Meet { generation });
            self.tasks.push(Task { job, attempt: task.attempt, role, slots, worker, since });
        }
        let text = format!("{} workers meet with {threads} threads each: {}", workers.len(), workers.join(", "));
        let members =
            workers.into_iter().map(|worker| Member { worker, address: None, heard: since, outcome_json: None });
        let members: Vec<Member> = members.collect();
        let count = members.len() as u32;
        let mesh = Mesh { attempt: task.attempt, generation, threads, brief_json, members, lost: None };
        self.meshes.insert(task.job.clone(), mesh);
        self.event(Some(&task.job), "mesh", text);
        Ok((generation, count))
    }

    /// Workers for a mesh that can connect to each other, and how many threads each has: as many threads together as their slots
    /// and the target's connections allow. What the job's other processes have is free: they have done what they were there for.
    fn team(&self, task: &TaskName) -> Option<(Vec<String>, u32)> {
        let opened = self.jobs.get(&task.job)?.record.opened.as_ref()?;
        let conductor: u32 = self
            .tasks
            .iter()
            .filter(|known| known.job == task.job && known.role == Role::Conduct)
            .map(|known| known.slots)
            .sum();
        let helps = |known: &&Task| known.job == task.job && known.role != Role::Conduct;
        let helpers: u32 = self.tasks.iter().filter(helps).map(|known| known.slots).sum();
        let left = self.left_by_databases(&task.job, Half::Validate).map_or(0, |(slots, _)| slots + helpers);
        let room = (opened.target_connections / CONNECTIONS_PER_SLOT).saturating_sub(conductor).min(left);
        let mut networks: BTreeMap<&str, Vec<(Reverse<u32>, &str)>> = BTreeMap::new();
        for (id, worker) in self.workers.iter().filter(|(id, worker)| self.may_meet(id, worker, &task.job)) {
            let busy = |known: &&Task| known.worker == *id && known.job != task.job;
            let busy: u32 = self.tasks.iter().filter(busy).map(|known| known.slots).sum();
            let free = worker.slots.saturating_sub(busy);
            if free > 0 {
                networks.entry(&worker.network).or_default().push((Reverse(free), id));
            }
        }
        let team = |mut workers: Vec<(Reverse<u32>, &str)>| {
            workers.sort_unstable();
            let free: Vec<u32> = workers.iter().map(|(free, _)| free.0).collect();
            let (members, threads) = shape(&free, room)?;
            Some((workers.into_iter().take(members).map(|(_, worker)| worker.to_owned()).collect(), threads))
        };
        let teams = networks.into_values().filter_map(team);
        teams.max_by_key(|(workers, threads): &(Vec<String>, u32)| (workers.len() as u32 * threads, workers.len()))
    }

    fn may_meet(&self, id: &str, worker: &Worker, job: &str) -> bool {
        let reads = worker.classes.contains(&Class::Mover) || worker.classes.contains(&Class::Validator);
        reads
            && !self.rests(id, job)
            && !worker.draining
            && !worker.network.is_empty()
            && self.now - worker.last_beat <= HEARD_WITHIN_MS
    }

    /// What became of a mesh.
    ///
    /// # Errors
    /// `Lost` where the job has gone on without the conductor.
    pub fn met(&mut self, task: &TaskName, generation: u64) -> Result<Met, Refusal> {
        self.conducted_job(task)?;
        let mesh = self.meshes.get(&task.job).filter(|mesh| mesh.generation == generation);
        Ok(match mesh {
            None => Met::Lost("the head that knew of it is gone".to_owned()),
            Some(Mesh { lost: Some(why), .. }) => Met::Lost(why.clone()),
            Some(mesh) if mesh.is_done() => {
                Met::Done(mesh.members.iter().filter_map(|member| member.outcome_json.clone()).collect())
            }
            Some(_) => Met::Running,
        })
    }

    /// What a member must know.
    ///
    /// # Errors
    /// `Lost` unless it is a member of a mesh that goes on.
    pub fn mesh_brief(&mut self, task: &TaskName, generation: u64) -> Result<Vec<u8>, Refusal> {
        self.mesh_of(task, generation).map(|(mesh, _)| mesh.brief_json.clone())
    }

    /// A member is there, and reached at `address`.
    ///
    /// # Errors
    /// `Lost` unless it is a member of a mesh that goes on.
    pub fn mesh_join(&mut self, task: &TaskName, generation: u64, address: &str) -> Result<Gathered, Refusal> {
        let now = self.now;
        let (mesh, index) = self.mesh_of(task, generation)?;
        mesh.members[index].heard = now;
        mesh.members[index].address = Some(shortened(address));
        let all = mesh.members.iter().map(|member| Some((member.worker.clone(), member.address.clone()?)));
        let members = all.collect::<Option<Vec<_>>>().unwrap_or_default();
        Ok(Gathered { index: index as u32, threads: mesh.threads, members })
    }

    /// Takes what a member found.
    ///
    /// # Errors
    /// `Lost` unless it is a member of a mesh that goes on; `TooLarge`.
    pub fn mesh_report(&mut self, task: &TaskName, generation: u64, outcome_json: Vec<u8>) -> Result<(), Refusal> {
        let (mesh, index) = self.mesh_of(task, generation)?;
        if outcome_json.len() > OUTCOME_BYTES_MAX {
            let (what, max) = ("what a member found".to_owned(), OUTCOME_BYTES_MAX as u64);
            return Err(Refusal::TooLarge { what, max, unit: "bytes" });
        }
        mesh.members[index].outcome_json = Some(outcome_json);
        if mesh.is_done() {
            mesh.brief_json.clear();
            let text = format!("references were checked by {} workers together", mesh.members.len());
            self.event(Some(&task.job), "met", text);
        }
        Ok(())
    }

    /// The mesh a process speaks for, and its number there.
    fn mesh_of(&mut self, task: &TaskName, generation: u64) -> Result<(&mut Mesh, usize), Refusal> {
        let mesh = self.meshes.get_mut(&task.job).ok_or_else(|| lost(task))?;
        let is_it = mesh.lost.is_none() && mesh.attempt == task.attempt && mesh.generation == generation;
        let index = mesh.members.iter().position(|member| member.worker == task.worker).filter(|_| is_it);
        index.map(|index| (mesh, index)).ok_or_else(|| lost(task))
    }

    /// A member's process ended. Unless it had reported, the others cannot come to their end.
    pub(super) fn member_ended(&mut self, task: &Task, ending: &Ending) {
        let Role::Meet { generation } = task.role else { return };
        let name = TaskName { worker: task.worker.clone(), job: task.job.clone(), attempt: task.attempt };
        let Ok((mesh, index)) = self.mesh_of(&name, generation) else { return };
        if mesh.members[index].outcome_json.is_none() {
            if is_denied(&ending.said) {
                self.rest(&task.worker, &task.job, Millis::MAX);
            }
            let said = if ending.said.is_empty() { String::new() } else { format!(": {}", ending.said) };
            let why = format!("the process on worker {} ended with exit code {}{said}", task.worker, ending.exit_code);
            self.lose_mesh(&task.job, why);
        }
    }

    /// Gives up meshes with a member that is not heard of, as one that hangs.
    pub(super) fn expire_meshes(&mut self) {
        let now = self.now;
        let silent = |(job, mesh): (&String, &Mesh)| Some((job.clone(), mesh.silent(now)?.worker.clone()));
        let silent: Vec<(String, String)> = self.meshes.iter().filter_map(silent).collect();
        for (job, worker) in silent {
            self.rest(&worker, &job, now + LEASE_MS);
            let seconds = LEASE_MS / 1000;
            self.lose_mesh(&job, format!("the process on worker {worker} was not heard of for {seconds} s"));
        }
    }

    /// Ends a mesh: its members are not known any more, so that their workers end them, and they themselves are told when they
    /// say that they are there.
    fn lose_mesh(&mut self, job: &str, why: String) {
        let Some(mesh) = self.meshes.get_mut(job) else { return };
        mesh.lost = Some(why.clone());
        mesh.brief_json.clear();
        let role = Role::Meet { generation: mesh.generation };
        let text = format!("the check by {} workers together broke off: {why}", mesh.members.len());
        self.tasks.retain(|task| task.job != job || task.role != role);
        self.event(Some(job), "mesh", text);
    }
}

/// How many members, and how many threads each, since all have as many: the most threads together that workers with `free`
/// slots, the most first, and room for `room` threads allow; of two equal ones that with more members, for their memory.
fn shape(free: &[u32], room: u32) -> Option<(usize, u32)> {
    let with = |members: usize| {
        let threads = free[members - 1].min(room / members as u32);
        (threads > 0).then_some((members, threads))
    };
    let shapes = (2..=free.len().min(MEMBERS_MAX)).filter_map(with);
    shapes.max_by_key(|(members, threads)| (*members as u32 * threads, *members))
}

#[cfg(test)]
#[path = "mesh_tests.rs"]
mod tests;

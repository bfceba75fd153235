//! Pools of workers, as the command line asks for them.

use std::path::PathBuf;

use crate::cli::PoolArg;
use crate::cluster::caller::{Class, words};
use crate::failure::{Failure, Result};
use crate::head::scale::Settings;

/// A pool that is wanted.
pub(super) struct Pool {
    pub classes: Vec<Class>,
    pub settings: Settings,
    pub deployment: Option<String>,
    pub variables: Option<PathBuf>,
}

impl Pool {
    /// What people know it by.
    pub(super) fn name(&self) -> String {
        words(&self.classes).join(",")
    }

    fn new(arg: &PoolArg, default: &Settings) -> Pool {
        let settings = Settings {
            workers_min: arg.min,
            workers_max: arg.max.unwrap_or(default.workers_max).max(arg.min),
            slots_per_worker: arg.slots.unwrap_or(default.slots_per_worker),
            idle_timeout_ms: arg.idle_s.map_or(default.idle_timeout_ms, |seconds| i64::from(seconds) * 1_000),
            ..default.clone()
        };
        let (deployment, variables) = (arg.deployment.clone(), arg.variables.clone());
        Pool { classes: arg.classes.clone(), settings, deployment, variables }
    }
}

/// The pools that are named, or one of all classes with the settings that are for any.
///
/// # Errors
/// If two have the same classes.
pub(super) fn wanted(named: &[PoolArg], default: Settings) -> Result<Vec<Pool>> {
    if named.is_empty() {
        let classes = vec![Class::Scout, Class::Mover, Class::Validator];
        return Ok(vec![Pool { classes, settings: default, deployment: None, variables: None }]);
    }
    let pools: Vec<Pool> = named.iter().map(|arg| Pool::new(arg, &default)).collect();
    for (index, pool) in pools.iter().enumerate() {
        if pools[..index].iter().any(|other| other.classes == pool.classes) {
            return Err(Failure::usage(
                format!("two pools have the classes {}", pool.name()),
                "Make one of them, with the larger max=: all of their work would go to the first.",
            ));
        }
    }
    Ok(pools)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Name, least, most, slots, rest of a pool.
    type Shown = (String, u32, u32, u32, i64);

    fn pools(named: &[&str]) -> Result<Vec<Shown>> {
        let named: Vec<PoolArg> = named.iter().map(|pool| pool.parse().expect("a pool")).collect();
        let default = Settings { workers_min: 1, workers_max: 8, slots_per_worker: 2, ..Settings::default() };
        let shown = |pool: &Pool| {
            let Settings { workers_min, workers_max, slots_per_worker, idle_timeout_ms, .. } = pool.settings;
            (pool.name(), workers_min, workers_max, slots_per_worker, idle_timeout_ms)
        };
        wanted(&named, default).map(|pools| pools.iter().map(shown).collect())
    }

    #[test]
    fn none_is_one_of_all_classes_and_what_a_pool_leaves_out_is_as_for_any() {
        let all = ("scout,mover,validator".to_owned(), 1, 8, 2, 60_000);
        assert_eq!(pools(&[]).expect("one"), [all]);
        let two = pools(&["classes=scout,mover,min=9", "classes=validator,max=3,slots=1,idle=5"]).expect("two");
        assert_eq!(two, [("scout,mover".to_owned(), 9, 9, 2, 60_000), ("validator".to_owned(), 0, 3, 1, 5_000)]);
    }

    #[test]
    fn two_of_the_same_classes_are_refused() {
        let refused = pools(&["classes=scout,mover", "classes=mover,scout,max=2"]).expect_err("the same");
        assert!(refused.to_string().contains("two pools have the classes scout,mover"), "{refused}");
    }
}

//! `--pool`: workers of some classes that are scaled by themselves.

use std::path::PathBuf;
use std::str::FromStr;

use crate::cluster::caller::Class;
use crate::cluster::subject;

/// One pool, as it is asked for: `classes=scout,mover,min=1,max=4`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PoolArg {
    /// What its workers may do with databases, in the order of [`Class`].
    pub classes: Vec<Class>,
    /// Workers that stay even if there is nothing to do.
    pub min: u32,
    /// Workers at the most.
    pub max: Option<u32>,
    /// Threads for splits of each worker.
    pub slots: Option<u32>,
    /// Seconds without work after which a worker may go.
    pub idle_s: Option<u32>,
    /// The Deployment whose replicas they are.
    pub deployment: Option<String>,
    /// A file with variables for its workers.
    pub variables: Option<PathBuf>,
}

impl FromStr for PoolArg {
    type Err = String;

    fn from_str(text: &str) -> Result<PoolArg, String> {
        let (mut pool, mut classes) = (PoolArg::default(), Vec::new());
        let mut key = "";
        for piece in text.split(',') {
            // A class further to `classes=` has no key of its own.
            let (named, value) = piece.split_once('=').unwrap_or((key, piece));
            key = named.trim();
            match key {
                "classes" => classes.push(value),
                _ if !piece.contains('=') => return Err(format!("\"{piece}\" stands behind no key; {KEYS}")),
                "min" => pool.min = number(key, value, 0)?,
                "max" => pool.max = Some(number(key, value, 1)?),
                "slots" => pool.slots = Some(number(key, value, 1)?),
                "idle" => pool.idle_s = Some(number(key, value, 0)?),
                "variables" => pool.variables = Some(value.trim().into()),
                "deployment" => pool.deployment = Some(value.trim().to_owned()),
                _ => return Err(format!("\"{key}\" is no key of a pool; {KEYS}")),
            }
        }
        pool.classes = subject::classes(&classes.join(",")).map_err(|why| format!("{why}; {KEYS}"))?;
        pool.classes.sort();
        pool.classes.dedup();
        match pool.max {
            Some(max) if max < pool.min => Err(format!("min={} is more than max={max}", pool.min)),
            _ => Ok(pool),
        }
    }
}

const KEYS: &str = "write classes=scout,mover,validator or fewer, and any of min=, max=, slots=, idle=SECONDS, variables=FILE, deployment=NAME";

/// Slots of a worker at the most.
const SLOTS_MAX: u32 = 256;
/// Workers, or seconds, at the most. A guess beyond any use.
const NUMBER_MAX: u32 = 100_000;

fn number(key: &str, value: &str, least: u32) -> Result<u32, String> {
    let most = if key == "slots" { SLOTS_MAX } else { NUMBER_MAX };
    let number = value.trim().parse().ok().filter(|number| (least..=most).contains(number));
    number.ok_or_else(|| format!("{key}= takes a number from {least} to {most}, not \"{value}\""))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pool_is_classes_and_bounds_in_any_order() {
        let pool: PoolArg =
            "min=1,classes=mover,scout,max=4,idle=5,slots=2,deployment=movers,variables=a/b".parse().expect("a pool");
        let wanted = PoolArg {
            classes: vec![Class::Scout, Class::Mover],
            min: 1,
            max: Some(4),
            slots: Some(2),
            idle_s: Some(5),
            deployment: Some("movers".to_owned()),
            variables: Some("a/b".into()),
        };
        assert_eq!(pool, wanted);
        let least: PoolArg = "classes=validator".parse().expect("a pool");
        assert_eq!((least.min, least.max, least.classes), (0, None, vec![Class::Validator]));
    }

    #[test]
    fn what_is_no_pool_is_told_in_words() {
        let told = |text: &str| text.parse::<PoolArg>().expect_err("no pool");
        assert!(told("classes=movers").contains("movers"), "{}", told("classes=movers"));
        assert!(told("max=3").contains("classes="), "{}", told("max=3"));
        assert!(told("validator,max=3").contains("stands behind no key"));
        assert!(told("classes=mover,max=3,scout").contains("\"scout\" stands behind no key"));
        assert!(told("classes=mover,most=3").contains("\"most\" is no key"));
        assert!(told("classes=mover,max=few").contains("max= takes a number from 1"));
        assert!(told("classes=mover,slots=0").contains("slots= takes a number from 1 to 256"));
        assert_eq!(told("classes=mover,min=3,max=2"), "min=3 is more than max=2");
    }
}

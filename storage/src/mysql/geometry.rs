//! Shapes: between MySQL's own form (number of the reference system, then WKB) and EWKB. Looks at headers only.
//!
//! The columns themselves are read and written, not by `ST_AsBinary`: MySQL 8 stores longitude before latitude as EWKB has
//! it, and turns them round in its functions where the reference system (4326 is one) says so.

/// Little-endian, in the first byte of WKB.
const LITTLE_ENDIAN: u8 = 1;
/// EWKB's flag for a number of the reference system after the type.
const HAS_SRID: u32 = 0x2000_0000;
/// EWKB's flags for third and fourth coordinates, which MySQL does not have.
const HAS_MORE: u32 = 0xc000_0000;

/// Appends EWKB for MySQL's form of a shape.
///
/// # Errors
/// Why it cannot be.
pub(super) fn to_ewkb(own: &[u8], out: &mut Vec<u8>) -> Result<(), &'static str> {
    const SHORT: &str = "the shape is cut short";
    let (srid, wkb) = own.split_first_chunk::<4>().ok_or(SHORT)?;
    let (order, rest) = wkb.split_first().ok_or(SHORT)?;
    let (kind, rest) = rest.split_first_chunk::<4>().ok_or(SHORT)?;
    if *order != LITTLE_ENDIAN {
        return Err("the shape is stored big-endian");
    }
    let kind = u32::from_le_bytes(*kind);
    if kind & (HAS_SRID | HAS_MORE) != 0 {
        // Here these bits mean nothing; in EWKB they would make another shape of it.
        return Err("the shape is of a kind that MySQL does not have");
    }
    let has_srid = *srid != [0; 4];
    let flag = if has_srid { HAS_SRID } else { 0 };
    out.push(LITTLE_ENDIAN);
    out.extend_from_slice(&(kind | flag).to_le_bytes());
    if has_srid {
        out.extend_from_slice(srid);
    }
    out.extend_from_slice(rest);
    Ok(())
}

/// MySQL's form for EWKB.
///
/// # Errors
/// Why MySQL cannot hold it.
pub(super) fn from_ewkb(ewkb: &[u8]) -> Result<Vec<u8>, &'static str> {
    const SHORT: &str = "a shape is cut short";
    let (order, rest) = ewkb.split_first().ok_or(SHORT)?;
    let (kind, rest) = rest.split_first_chunk::<4>().ok_or(SHORT)?;
    if *order != LITTLE_ENDIAN {
        return Err("a shape is not little-endian");
    }
    let kind = u32::from_le_bytes(*kind);
    if kind & HAS_MORE != 0 {
        return Err("a shape has more than two coordinates a point");
    }
    let (srid, rest) = match kind & HAS_SRID != 0 {
        true => rest.split_first_chunk::<4>().map(|(srid, rest)| (*srid, rest)).ok_or(SHORT)?,
        false => ([0; 4], rest),
    };
    let mut own = Vec::with_capacity(9 + rest.len());
    own.extend_from_slice(&srid);
    own.push(LITTLE_ENDIAN);
    own.extend_from_slice(&(kind & !HAS_SRID).to_le_bytes());
    own.extend_from_slice(rest);
    Ok(own)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shapes_come_back_as_they_went() {
        let point = |srid: u32| [&srid.to_le_bytes()[..], &[1, 1, 0, 0, 0], &[7; 16]].concat();
        for srid in [0, 4326] {
            let mut ewkb = Vec::new();
            to_ewkb(&point(srid), &mut ewkb).expect("a shape");
            assert_eq!(ewkb.len(), if srid == 0 { 21 } else { 25 });
            assert_eq!(from_ewkb(&ewkb).as_deref(), Ok(&point(srid)[..]));
        }
        assert!(to_ewkb(&[0; 8], &mut Vec::new()).is_err());
        assert!(to_ewkb(&[0, 0, 0, 0, 1, 1, 0, 0, 0x20, 7, 7, 7, 7], &mut Vec::new()).is_err());
        assert!(from_ewkb(&[1, 1, 0, 0, 0x80]).is_err() && from_ewkb(&[0, 0, 0, 0, 1]).is_err());
    }
}

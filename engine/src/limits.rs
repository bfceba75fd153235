//! Every bound of the engine, in one place, with what relates them.

/// Splits one worker has open at once: one is copied while the one before is read back.
pub const LANES_PER_WORKER: usize = 2;

/// Arrow bytes per batch, about. Large enough to spread per-batch costs, small enough to stay in a processor's cache from
/// the decoder to the encoder, and for its arrays to lie in memory that was used before.
pub const BATCH_BYTES: usize = 256 << 10;

/// Bytes in flight per direction of one lane, at the least, whatever the plan's memory limit says: one batch must fit.
pub const LANE_BYTES_MIN: usize = 2 << 20;

/// Times a large row is in memory at the most while its split is carried: received, while the room for it is doubled, and
/// handed on. Measured, see `pain_14` in the tests.
pub const LARGE_ROW_COPIES: u64 = 3;

/// Memory that is not there for large rows: the binary, connections, threads. Measured at some 40 MiB.
pub const LARGE_ROW_BASE_BYTES: u64 = 48 << 20;

/// The part of the plan's memory limit that batches in flight may hold; the rest is for connections, builders, the
/// binary itself. A guess, checked by the memory benchmark.
pub const IN_FLIGHT_SHARE: usize = 4;

/// Tables whose indexes are built while others are copied: each takes one of the target's connections, and copying needs
/// them more.
pub const INDEXES_WHILE_COPYING_MAX: usize = 1;

/// Checkpoints gathered into one epoch at the most.
pub const CHECKPOINTS_PER_EPOCH_MAX: usize = 64;

/// How long a finished split waits at the most for others to share its epoch.
pub const EPOCH_INTERVAL_MS: u64 = 500;

/// Refused rows of one split that are told apart at the most; they are held in memory, some 100 bytes each. Beyond that
/// the target and the plan do not belong together.
pub const REFUSED_PER_SPLIT_MAX: u64 = 100_000;

/// Refused rows of one split that are looked for where a single one is too many: enough to see a pattern, since each
/// costs some 60 round trips. A guess.
pub const REFUSED_LOOKED_FOR_MIN: u64 = 20;

/// Refused rows of one split that are named when they were too many; each is held as text until it is written.
pub const REFUSED_NAMED_MAX: usize = 1_000;

/// Times one split is looked through for refused rows. More than one is needed only where another split's rows arrive
/// in between and take a unique key.
pub const ISOLATIONS_PER_SPLIT_MAX: u32 = 5;

/// Rows `sensei rejects retry` takes on at once; their keys are held in memory.
pub const RETRY_ROWS_MAX: u64 = 1_000_000;

/// Rows `sensei rejects list --rows` prints; the files have them all.
pub const LISTED_ROWS_MAX: usize = 1_000;

/// Splits of one table at the most.
pub const SPLITS_PER_TABLE_MAX: u32 = 10_000;

/// Encoded bytes of one leg of a split that may be cut while it is read, at the least, about: each is a query of its own, some
/// milliseconds beside the tens that reading it takes. A guess.
pub const LEG_BYTES_MIN: u64 = 4 << 20;

/// Legs of one split at the most.
pub const LEGS_MAX: u64 = 64;

/// Encoded bytes that the holder of a split has not begun, at the least, for half of them to be asked of it: below that a
/// second writer, its commit and its read-back cost more than they spare. A guess.
pub const CUT_BYTES_MIN: u64 = 4 * LEG_BYTES_MIN;

/// How long a split is held before half of what is left is asked for, so that one which is nearly done is left alone. A guess.
pub const CUT_AFTER_MS: i64 = 3_000;

/// Cuts of one job at the most; its certificate names each.
pub const CUTS_MAX: usize = 1_000;

/// Rows whose hashes one comparison round holds, both sides together.
pub const ROUND_ROWS_MAX: u64 = 1_000_000;

/// Differing rows one pass fetches whole, by their hashes, which every worker holds: some 50 bytes each.
pub const FETCH_ROWS_MAX: u64 = 200_000;

/// The part of the plan's memory limit that the rows of one fetch may hold; a single bucket may exceed it.
pub const FETCH_SHARE: u64 = 4;

/// Differing rows of one table that are named where examples will do; a few more if the last bucket has more. Enough
/// to see a pattern, few enough that a wholly different table takes no longer than a comparison.
pub const ROWS_NAMED_MAX: u64 = 1_000;

/// Rounds one table is looked into where examples will do: each reads the whole table again.
pub const ROUNDS_NAMED_MAX: usize = 4;

/// Rows `sensei repair` takes on at once; they are held in memory until their table is mended.
pub const REPAIR_ROWS_MAX: u64 = 100_000;

/// Differing rows the text report prints per table; `--report` has them all.
pub const EXAMPLES_PER_TABLE_MAX: usize = 5;

/// Objects not carried over that the text report names per kind and reason.
pub const NOT_CARRIED_SHOWN_MAX: usize = 5;

/// Differences of the schema the text report prints.
pub const STRUCTURE_SHOWN_MAX: usize = 20;

/// Orphans of one relation that a report names; `--report` has them all.
pub const ORPHANS_NAMED_MAX: usize = 10;

/// The part of the plan's memory limit that the parents' keys of one round may hold while references are checked, when
/// nothing is copied.
pub const JOIN_SHARE: u64 = 2;

/// Bytes a parent's key takes up in the join. Measured: two million keys took some 80 MiB, their arrangement being merged included.
pub const KEY_BYTES: u64 = 64;

/// Rounds, each a scan of both tables, up to which a check of references says nothing about them.
pub const ROUNDS_UNREMARKED_MAX: u64 = 16;

/// The part of the plan's memory limit that rows on their way through the join may hold.
pub const KEY_IN_FLIGHT_SHARE: u64 = 8;

/// Bytes a child's row takes up on its way through the join, beside its batch. A guess from the updates it becomes.
pub const KEY_ROW_BYTES: usize = 256;

/// Arrow bytes per batch of keys, about: their updates are several times larger.
pub const KEY_BATCH_BYTES: usize = 64 << 10;

/// Scans a comparison has open per side at the most, whatever the connection limits.
pub const SCANS_PER_SIDE_MAX: usize = 8;

/// How often live progress is drawn.
pub const PROGRESS_INTERVAL_MS: u64 = 200;

/// How often a plain progress line is printed where nobody watches live.
pub const PROGRESS_LINE_INTERVAL_MS: u64 = 10_000;

/// Rows `sensei check` reads of each table unless told otherwise: what one row in 3,000 has is met with 95 in
/// 100 if it is spread evenly.
pub const SAMPLE_ROWS_DEFAULT: u64 = 10_000;

/// Rows `sensei check` can be told to sample; more is what `--exact` is for.
pub const SAMPLE_ROWS_MAX: u64 = 10_000_000;

/// Encoded bytes a sample of one table reads at the most, about, so that wide rows do not make it long.
pub const SAMPLE_BYTES_MAX: u64 = 64 << 20;

/// Arrow bytes per batch of a sample: small, since every range reads a batch more than it needs.
pub const SAMPLE_BATCH_BYTES: usize = 128 << 10;

/// Reasons for rejecting rows that an assessment tells apart per table; the rows of others are counted.
pub const SAMPLE_REASONS_MAX: usize = 100;

/// Keys an assessment names per reason.
pub const SAMPLE_KEYS_MAX: usize = 3;

/// Encoded bytes and seconds that the pace of reading is measured over at the most.
pub const PACE_BYTES_MAX: u64 = 64 << 20;
/// See [`PACE_BYTES_MAX`].
pub const PACE_SECONDS_MAX: u64 = 3;

/// What an assessment says before anything else.
pub const HEADLINES_MAX: usize = 5;

const _: () = assert!(SAMPLE_ROWS_DEFAULT <= SAMPLE_ROWS_MAX, "the default can be asked for");
const _: () = assert!(CUT_BYTES_MIN >= 2 * LEG_BYTES_MIN, "what is cut off is a leg at the least");
const _: () = assert!(LANE_BYTES_MIN >= 2 * BATCH_BYTES, "a lane must be able to hold a batch and fill the next");
const _: () = assert!(REFUSED_LOOKED_FOR_MIN < REFUSED_PER_SPLIT_MAX, "what is looked for can be held");
const _: () = assert!(FETCH_ROWS_MAX <= ROUND_ROWS_MAX, "a round fetches rows it has hashed");
const _: () = assert!(ROWS_NAMED_MAX >= EXAMPLES_PER_TABLE_MAX as u64, "the examples are among the named rows");

//! What a plan will meet, found before the first row moves, as a report that can be forwarded.
//!
//! In reading order: the [`model`] is plain data; [`survey`] fills it in, with the help of `standing` (an earlier job),
//! `sample` (rows really read and converted), `columns` (what becomes of types), `objects` (what is left behind),
//! `estimate` (how long it takes) and `findings` (what of all this stands in the way); `text` and `html` print it.
//!
//! **Invariant:** nothing is written, neither to source, target nor state.
//! **Invariant:** no cell's value is in the model, except the keys of rows that do not fit.

mod columns;
mod estimate;
mod findings;
mod html;
mod layout;
mod model;
mod objects;
mod sample;
mod standing;
mod survey;
mod text;

#[cfg(test)]
mod tests;

pub use html::page;
pub use layout::terminal_width;
pub use model::Depth;
pub use survey::assess;
pub use text::report;

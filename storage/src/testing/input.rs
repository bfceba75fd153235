//! Bytes spent piece by piece on choices, so that a fuzzer's input can say which types and values come. Knows nothing of
//! readers.

use crate::catalog::{Field, System, Traits};
use crate::types::LogicalType;

/// What is left of an input. Beyond its end everything is zero.
pub(crate) struct Input<'a>(&'a [u8]);

impl<'a> Input<'a> {
    pub(crate) fn new(bytes: &'a [u8]) -> Input<'a> {
        Input(bytes)
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// All that is left.
    pub(crate) fn rest(&mut self) -> &'a [u8] {
        std::mem::take(&mut self.0)
    }

    pub(crate) fn byte(&mut self) -> u8 {
        self.array::<1>()[0]
    }

    pub(crate) fn array<const N: usize>(&mut self) -> [u8; N] {
        let mut array = [0; N];
        let (taken, rest) = self.0.split_at(N.min(self.0.len()));
        array[..taken.len()].copy_from_slice(taken);
        self.0 = rest;
        array
    }

    /// Some bytes, as many as the next one says.
    pub(crate) fn bytes(&mut self) -> &'a [u8] {
        let length = usize::from(self.byte()).min(self.0.len());
        let (taken, rest) = self.0.split_at(length);
        self.0 = rest;
        taken
    }

    /// Any type that a column can have.
    pub(crate) fn logical(&mut self) -> LogicalType {
        let choice = self.byte();
        match choice / 128 {
            1 => LogicalType::Array(Box::new(self.scalar(choice))),
            _ => self.scalar(choice),
        }
    }

    fn scalar(&mut self, choice: u8) -> LogicalType {
        match choice % 22 {
            0 => LogicalType::Boolean,
            1 => LogicalType::Int16,
            2 => LogicalType::Int32,
            3 => LogicalType::Int64,
            4 => LogicalType::Float32,
            5 => LogicalType::Float64,
            6 => LogicalType::Decimal { precision: 1 + u32::from(self.byte()), scale: i32::from(self.byte() as i8) },
            7 => LogicalType::Numeric,
            8 => LogicalType::Text { max_chars: Some(u32::from(self.byte())) },
            9 => LogicalType::TEXT,
            10 => LogicalType::Bytes,
            11 => LogicalType::Date,
            12 => LogicalType::Time,
            13 => LogicalType::Timestamp,
            14 => LogicalType::TimestampTz,
            15 => LogicalType::Interval,
            16 => LogicalType::Uuid,
            17 => LogicalType::Json,
            18 => LogicalType::Jsonb,
            19 => LogicalType::Bits { length: Some(u32::from(self.byte())) },
            20 => LogicalType::Geometry,
            _ => LogicalType::Opaque { system: System::Postgresql, native: "int4range".to_owned() },
        }
    }

    /// One to eight columns of any type.
    pub(crate) fn fields(&mut self) -> Vec<Field> {
        let count = 1 + self.byte() % 8;
        let field = |index| {
            let (name, logical) = (format!("c{index}"), self.logical());
            Field { name, logical, native: String::new(), nullable: true, traits: Traits::default() }
        };
        (0..count).map(field).collect()
    }
}

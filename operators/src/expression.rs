//! SQL expressions over one source row, compiled once and evaluated on Arrow arrays by DataFusion's expression engine.
//! Knows nothing of the SQL of any database: the dialect is DataFusion's, names are case-sensitive.

use std::collections::HashMap;
use std::sync::Arc;

use arrow_array::{ArrayRef, RecordBatch};
use arrow_schema::{DataType, Field as ArrowField, Schema, SchemaRef};
use datafusion_common::config::ConfigOptions;
use datafusion_common::tree_node::{Transformed, TreeNode, TreeNodeRecursion};
use datafusion_common::{DFSchema, DataFusionError, ScalarValue, TableReference};
use datafusion_expr::execution_props::ExecutionProps;
use datafusion_expr::physical_planning_context::PhysicalPlanningContext;
use datafusion_expr::planner::{ContextProvider, ExprPlanner};
use datafusion_expr::simplify::SimplifyContext;
use datafusion_expr::{AggregateUDF, Expr, HigherOrderUDF, Operator, ScalarUDF, TableSource, Volatility, WindowUDF};
use datafusion_optimizer::simplify_expressions::ExprSimplifier;
use datafusion_physical_expr::expressions::{BinaryExpr, NegativeExpr, lit};
use datafusion_physical_expr::{PhysicalExpr, create_physical_expr};
use datafusion_sql::planner::{ParserOptions, PlannerContext, SqlToRel};
use datafusion_sql::sqlparser::dialect::GenericDialect;
use datafusion_sql::sqlparser::parser::Parser;
use datafusion_sql::sqlparser::tokenizer::Tokenizer;
use sensei_storage::{Field, LogicalType};
use thiserror::Error;

use crate::chain::{EXPRESSION_CHAIN_MAX, longest_chain};
use crate::present;

/// Bytes of an expression's text at most.
pub const EXPRESSION_BYTES_MAX: usize = 64 * 1024;

/// Why an expression cannot be used.
#[derive(Debug, Error)]
pub enum ExpressionError {
    /// The text is not an expression, or names something that is not there.
    #[error("{0}")]
    Invalid(String),
    /// Reading the same row twice would not give the same value, so it could not be verified.
    #[error("function \"{0}\" does not give the same value each time, so the result could not be verified")]
    NotRepeatable(String),
    /// The result has a type Sensei does not carry.
    #[error("the result has type {0}, which is not supported; add a CAST")]
    ResultType(DataType),
}

/// A compiled expression.
#[derive(Clone, Debug)]
pub struct Expression {
    physical: Arc<dyn PhysicalExpr>,
    schema: SchemaRef,
    fields: Vec<Field>,
    used: Vec<usize>,
    result: LogicalType,
}

impl Expression {
    /// Compiles `sql` over rows with these fields.
    ///
    /// # Errors
    /// See [`ExpressionError`]; messages name columns and functions, never values.
    pub fn compile(sql: &str, fields: &[Field]) -> Result<Expression, ExpressionError> {
        if sql.len() > EXPRESSION_BYTES_MAX {
            return Err(ExpressionError::Invalid(format!("longer than {EXPRESSION_BYTES_MAX} bytes")));
        }
        let columns =
            fields.iter().map(|field| ArrowField::new(&field.name, present::shown_type(&field.logical), true));
        let schema = Arc::new(Schema::new(columns.collect::<Vec<_>>()));
        let df_schema = DFSchema::try_from(schema.clone()).map_err(invalid)?;
        let logical = plan(sql, &df_schema)?;
        refuse_unrepeatable(&logical)?;
        let used = used_columns(&logical, fields);
        let physical =
            create_physical_expr(&logical, &df_schema, &ExecutionProps::new(), &PhysicalPlanningContext::default())
                .map_err(invalid)?;
        let physical = fail_on_overflow(physical, &schema).map_err(invalid)?;
        let data_type = physical.data_type(&schema).map_err(invalid)?;
        let result = present::logical_type(&data_type).ok_or(ExpressionError::ResultType(data_type))?;
        Ok(Expression { physical, schema, fields: fields.to_vec(), used, result })
    }

    /// Logical type of the result.
    pub fn result(&self) -> &LogicalType {
        &self.result
    }

    /// Indexes of the fields the expression reads, ascending.
    pub fn used(&self) -> &[usize] {
        &self.used
    }

    /// Evaluates every row; a row that cannot be evaluated is `Err` in `faults` and NULL in the result.
    ///
    /// `rows` has the fields given to [`Expression::compile`], in their carriers; the result is in the carrier of
    /// [`Expression::result`].
    pub fn evaluate(&self, rows: &RecordBatch, faults: &mut Vec<(usize, String)>) -> ArrayRef {
        let shown = self.show(rows, faults);
        let result = self.run(&shown).unwrap_or_else(|_| self.run_each(&shown, faults));
        present::carried(&result, &self.result, faults)
    }

    fn show(&self, rows: &RecordBatch, faults: &mut Vec<(usize, String)>) -> RecordBatch {
        let shown = |(index, field): (usize, &Field)| {
            if self.used.binary_search(&index).is_ok() {
                present::shown(rows.column(index), &field.logical, faults)
            } else {
                arrow_array::new_null_array(self.schema.field(index).data_type(), rows.num_rows())
            }
        };
        let columns = self.fields.iter().enumerate().map(shown).collect();
        let options = arrow_array::RecordBatchOptions::new().with_row_count(Some(rows.num_rows()));
        RecordBatch::try_new_with_options(self.schema.clone(), columns, &options)
            .expect("shown columns have the schema's types")
    }

    fn run(&self, shown: &RecordBatch) -> Result<ArrayRef, DataFusionError> {
        self.physical.evaluate(shown)?.into_array(shown.num_rows())
    }

    /// One failing row fails a whole batch in DataFusion; row by row tells which one it was.
    fn run_each(&self, shown: &RecordBatch, faults: &mut Vec<(usize, String)>) -> ArrayRef {
        let data_type = present::shown_type(&self.result);
        let data_type = self.physical.data_type(&self.schema).unwrap_or(data_type);
        if shown.num_rows() == 0 {
            return arrow_array::new_empty_array(&data_type);
        }
        let each = |row| {
            self.run(&shown.slice(row, 1)).unwrap_or_else(|_| {
                faults.push((row, "the expression fails on this row".to_owned()));
                arrow_array::new_null_array(&data_type, 1)
            })
        };
        let results: Vec<ArrayRef> = (0..shown.num_rows()).map(each).collect();
        let parts: Vec<&dyn arrow_array::Array> = results.iter().map(AsRef::as_ref).collect();
        arrow_select::concat::concat(&parts).expect("results have one type")
    }
}

fn plan(sql: &str, schema: &DFSchema) -> Result<Expr, ExpressionError> {
    let tokens = Tokenizer::new(&GenericDialect {}, sql).tokenize_with_location().map_err(invalid)?;
    if longest_chain(tokens.iter().map(|token| &token.token)) > EXPRESSION_CHAIN_MAX {
        return Err(ExpressionError::Invalid(format!("a chain of more than {EXPRESSION_CHAIN_MAX} operators")));
    }
    let mut parser = Parser::new(&GenericDialect {}).with_tokens_with_locations(tokens);
    let parsed = parser.parse_expr().map_err(invalid)?;
    if parser.peek_token().token != datafusion_sql::sqlparser::tokenizer::Token::EOF {
        return Err(ExpressionError::Invalid("there is text after the end of the expression".to_owned()));
    }
    let functions = Functions::new();
    let options = ParserOptions {
        enable_ident_normalization: false,
        parse_float_as_decimal: true,
        map_string_types_to_utf8view: false,
        ..ParserOptions::new()
    };
    let logical = SqlToRel::new_with_options(&functions, options)
        .sql_to_expr(parsed, schema, &mut PlannerContext::new())
        .map_err(invalid)?;
    let context = SimplifyContext::builder().with_schema(Arc::new(schema.clone())).build();
    ExprSimplifier::new(context).coerce(logical, schema).map_err(invalid)
}

/// DataFusion's sums, differences, products and negations of integers wrap; here they fail their row.
fn fail_on_overflow(
    expression: Arc<dyn PhysicalExpr>,
    schema: &Schema,
) -> Result<Arc<dyn PhysicalExpr>, DataFusionError> {
    let checked = |node: Arc<dyn PhysicalExpr>| {
        let checked: Arc<dyn PhysicalExpr> = if let Some(binary) = node.downcast_ref::<BinaryExpr>() {
            if !matches!(binary.op(), Operator::Plus | Operator::Minus | Operator::Multiply) {
                return Ok(Transformed::no(node));
            }
            Arc::new(binary.clone().with_fail_on_overflow(true))
        } else if let Some(negative) = node.downcast_ref::<NegativeExpr>() {
            let data_type = negative.data_type(schema)?;
            if !data_type.is_signed_integer() {
                return Ok(Transformed::no(node));
            }
            let zero = lit(ScalarValue::new_zero(&data_type)?);
            Arc::new(BinaryExpr::new(zero, Operator::Minus, negative.arg().clone()).with_fail_on_overflow(true))
        } else {
            return Ok(Transformed::no(node));
        };
        Ok(Transformed::yes(checked))
    };
    Ok(expression.transform_up(checked)?.data)
}

fn refuse_unrepeatable(expression: &Expr) -> Result<(), ExpressionError> {
    let mut culprit = None;
    expression
        .apply(|node| {
            if let Expr::ScalarFunction(call) = node
                && call.func.signature().volatility != Volatility::Immutable
            {
                culprit = Some(call.func.name().to_owned());
                return Ok(TreeNodeRecursion::Stop);
            }
            Ok(TreeNodeRecursion::Continue)
        })
        .map_err(invalid)?;
    culprit.map_or(Ok(()), |name| Err(ExpressionError::NotRepeatable(name)))
}

fn used_columns(expression: &Expr, fields: &[Field]) -> Vec<usize> {
    let used = expression.column_refs();
    let is_used = |field: &Field| used.iter().any(|column| column.name == field.name);
    fields.iter().enumerate().filter(|(_, field)| is_used(field)).map(|(index, _)| index).collect()
}

fn invalid(error: impl std::fmt::Display) -> ExpressionError {
    ExpressionError::Invalid(error.to_string())
}

/// The scalar functions an expression may call: DataFusion's own, no aggregates, no tables.
struct Functions {
    scalar: HashMap<String, Arc<ScalarUDF>>,
    planners: Vec<Arc<dyn ExprPlanner>>,
    options: ConfigOptions,
}

impl Functions {
    fn new() -> Functions {
        let mut scalar = HashMap::new();
        for function in datafusion_functions::all_default_functions() {
            for alias in function.aliases() {
                scalar.insert(alias.clone(), function.clone());
            }
            scalar.insert(function.name().to_owned(), function);
        }
        let planners: Vec<Arc<dyn ExprPlanner>> = vec![
            Arc::new(datafusion_functions::core::planner::CoreFunctionPlanner::default()),
            Arc::new(datafusion_functions::datetime::planner::DatetimeFunctionPlanner),
            Arc::new(datafusion_functions::unicode::planner::UnicodeFunctionPlanner),
        ];
        Functions { scalar, planners, options: ConfigOptions::default() }
    }
}

impl ContextProvider for Functions {
    fn get_table_source(&self, name: TableReference) -> datafusion_common::Result<Arc<dyn TableSource>> {
        datafusion_common::plan_err!("an expression cannot read table \"{name}\"")
    }

    fn get_expr_planners(&self) -> &[Arc<dyn ExprPlanner>] {
        &self.planners
    }

    fn get_function_meta(&self, name: &str) -> Option<Arc<ScalarUDF>> {
        self.scalar.get(&name.to_lowercase()).cloned()
    }

    fn get_higher_order_meta(&self, _name: &str) -> Option<Arc<HigherOrderUDF>> {
        None
    }

    fn get_aggregate_meta(&self, _name: &str) -> Option<Arc<AggregateUDF>> {
        None
    }

    fn get_window_meta(&self, _name: &str) -> Option<Arc<WindowUDF>> {
        None
    }

    fn get_variable_type(&self, _names: &[String]) -> Option<DataType> {
        None
    }

    fn options(&self) -> &ConfigOptions {
        &self.options
    }

    fn udf_names(&self) -> Vec<String> {
        self.scalar.keys().cloned().collect()
    }

    fn higher_order_function_names(&self) -> Vec<String> {
        Vec::new()
    }

    fn udaf_names(&self) -> Vec<String> {
        Vec::new()
    }

    fn udwf_names(&self) -> Vec<String> {
        Vec::new()
    }
}

#[cfg(test)]
#[path = "expression_tests.rs"]
mod tests;

// SPDX-License-Identifier: Apache-2.0
// Copyright the datafusion-feast authors

//! The functions of the SQL surface: their arguments and how they reach `ops`.

mod arguments;
mod instants;
mod modifiers;
mod name_entities;
mod online;
mod online_get;
mod pit_join_function;
mod pit_join_table;
mod relation_planner;
mod retrieval;
mod retrieval_function;
mod time_travel;

use std::sync::Arc;

use datafusion::catalog::TableFunction;

pub(crate) use instants::{bind_instants, placeholders, written};
pub(crate) use modifiers::RefuseModifiers;
pub(crate) use name_entities::name_entities;
pub(crate) use online_get::{BindOnlineGet, hoist_online_gets, online_get};
pub(crate) use pit_join_table::PitJoinTable;
pub(crate) use relation_planner::FeastRelationPlanner;

use crate::ops;
use crate::ops::pit_join::Call;
use crate::session::FeastScope;
use pit_join_function::PitJoinFunction;
use retrieval_function::RetrievalFunction;

/// The name of the join.
pub(crate) const PIT_JOIN: &str = "feast_pit_join";

/// Every table function, bound to a scope.
pub(crate) fn table_functions(scope: &FeastScope) -> Vec<TableFunction> {
    let mut functions = ops::table_functions(scope);
    let join = PitJoinFunction::new(scope.clone());
    functions.push(TableFunction::new(PIT_JOIN.to_owned(), Arc::new(join)));
    for call in Call::RETRIEVALS {
        let retrieval = RetrievalFunction::new(scope.clone(), call);
        functions.push(TableFunction::new(
            call.name().to_owned(),
            Arc::new(retrieval),
        ));
    }
    let lookup = online::OnlineLookupFunction {
        scope: scope.clone(),
    };
    functions.push(TableFunction::new(
        online::ONLINE_LOOKUP.to_owned(),
        Arc::new(lookup),
    ));
    for push in ops::Push::ALL {
        let function = online::PushFunction {
            scope: scope.clone(),
            push,
        };
        functions.push(TableFunction::new(
            push.name().to_owned(),
            Arc::new(function),
        ));
    }
    functions
}

// SPDX-License-Identifier: Apache-2.0
// Copyright the datafusion-feast authors

//! `feast_online_get`: one feature of keys, as values.
//!
//! It answers what `feast_online_lookup` answers without options: the newest value, whatever its age. All calls
//! of a query see one version of each table, and calls for several features of a view with the same keys are one lookup.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use arrow::array::{Array, ArrayRef, RecordBatch, RecordBatchOptions, UInt32Array, new_null_array};
use arrow::compute::take;
use arrow::datatypes::{DataType, Field, Schema};
use arrow::row::{RowConverter, SortField};
use datafusion::common::{Result, exec_err, plan_err};
use feast_iceberg::{IcebergCatalogProvider, StatementPins};
use feast_online::{LookupOptions, LookupSource, LookupView, lookup_in};
use tokio::sync::OnceCell;

use super::online_view::{now_nanos, online_view, selected};
use super::pit_join::PitJoinRequest;
use crate::session::FeastScope;

/// The function's name.
pub(crate) const ONLINE_GET: &str = "feast_online_get";

/// So many answers are kept for calls of other features: one for each partition that is under way.
const KEPT: usize = 16;

/// The features that the calls of one query look up, each resolved once.
#[derive(Debug)]
pub(crate) struct OnlineGets {
    scope: FeastScope,
    now: i128,
    pins: Arc<StatementPins>,
    features: Mutex<BTreeMap<String, Arc<OnlineFeature>>>,
    /// The last ones, newest first.
    answers: Mutex<VecDeque<Answer>>,
}

/// What a view had for keys.
#[derive(Debug)]
struct Answer {
    view: String,
    keys: RecordBatch,
    values: RecordBatch,
}

/// A feature that is looked up by key.
#[derive(Debug)]
pub(crate) struct OnlineFeature {
    view: LookupView,
    data_type: DataType,
    /// Where its values are, found out when the first one is asked for.
    source: OnceCell<LookupSource>,
}

impl OnlineGets {
    /// For one query that starts now.
    pub(crate) fn new(scope: &FeastScope) -> Self {
        let scope = scope.allowing_staleness();
        Self {
            now: now_nanos(&scope),
            pins: Arc::default(),
            features: Mutex::default(),
            answers: Mutex::default(),
            scope,
        }
    }

    /// The feature that `view:feature` names, if it was resolved before.
    pub(crate) fn known(&self, reference: &str) -> Option<Arc<OnlineFeature>> {
        self.features().get(reference).cloned()
    }

    /// The feature that `view:feature` names.
    pub(crate) async fn feature(&self, reference: &str) -> Result<Arc<OnlineFeature>> {
        if let Some(known) = self.known(reference) {
            return Ok(known);
        }
        let found = Box::pin(self.resolve(reference)).await?;
        let mut features = self.features();
        let kept = features.entry(reference.to_owned());
        Ok(Arc::clone(kept.or_insert_with(|| Arc::new(found))))
    }

    fn features(&self) -> MutexGuard<'_, BTreeMap<String, Arc<OnlineFeature>>> {
        self.features.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn resolve(&self, reference: &str) -> Result<OnlineFeature> {
        let selections = selected(&self.scope, &PitJoinRequest::features([reference]))?;
        let selection = match selections.as_slice() {
            [one] if one.features.len() == 1 => one,
            _ => {
                return plan_err!(
                    "{ONLINE_GET} gives one value, '{reference}' names several; expected a feature such as 'view:feature', or call \
                     feast_online_lookup"
                );
            }
        };
        let mut view = online_view(&self.scope, selection, false).await?;
        // As no key is called.
        view.features[0].output = format!("__feast_value_{}", view.features[0].name);
        if let Some(place) = self.scope.online_place(&selection.view.source)? {
            let catalog = self.pinned(&place.catalog);
            view.store = view.store.map(|store| store.with_catalog(&catalog));
        }
        let name = &view.features[0].name;
        let kept = view.view.columns.iter().find(|kept| &kept.name == name);
        Ok(OnlineFeature {
            data_type: kept.map_or(DataType::Null, |kept| kept.data_type.clone()),
            source: OnceCell::new(),
            view,
        })
    }

    /// The catalog bound to the statement, or where statements are not told apart, to this query.
    fn pinned(&self, catalog: &IcebergCatalogProvider) -> IcebergCatalogProvider {
        if self.scope.is_statement() {
            return catalog.clone();
        }
        let pinned = catalog.for_statement(Arc::clone(&self.pins));
        let pinned = pinned.as_any().downcast_ref::<IcebergCatalogProvider>();
        pinned.unwrap_or(catalog).clone()
    }

    /// The feature's value for each of `rows` rows of keys, NULL where there is none. Each key is looked up
    /// once, all of them at once.
    pub(crate) async fn values(
        &self,
        feature: &OnlineFeature,
        keys: &[ArrayRef],
        rows: usize,
    ) -> Result<ArrayRef> {
        let Distinct { keys, places } = distinct(&feature.view.keys, keys, rows)?;
        if keys.num_rows() == 0 {
            return Ok(new_null_array(&feature.data_type, rows));
        }
        let values = match self.answered(feature, &keys) {
            Some(values) => values,
            None => self.look_up(feature, keys).await?,
        };
        Ok(take(&values, &places, None)?)
    }

    /// What a call for another feature of the view found for the same keys.
    fn answered(&self, feature: &OnlineFeature, keys: &RecordBatch) -> Option<ArrayRef> {
        let answers = self.answers();
        let found = answers
            .iter()
            .find(|it| it.view == feature.view.name && it.keys == *keys)?;
        found.values.column_by_name(feature.output()).cloned()
    }

    /// Looks the keys up, with all features of the view that the query calls for.
    async fn look_up(&self, feature: &OnlineFeature, keys: RecordBatch) -> Result<ArrayRef> {
        let timeout = self.scope.online_settings().read_timeout;
        let source = feature.source.get_or_try_init(|| async {
            match tokio::time::timeout(timeout, feature.find_source()).await {
                Ok(source) => source,
                Err(_) => exec_err!(
                    "{ONLINE_GET}: no answer within {} ms, still opening the online table of feature view {}; allow more with SET \
                     feast.online.read_timeout_ms",
                    timeout.as_millis(),
                    feature.view.name
                ),
            }
        });
        let options = LookupOptions {
            function: ONLINE_GET,
            status: false,
            timestamps: false,
            max_age: false,
            as_of: None,
            now: self.now,
            source: *source.await?,
            timeout: Some(timeout),
        };
        let view = self.with_all_features(&feature.view);
        let views = std::slice::from_ref(&view);
        let found = Box::pin(lookup_in(&self.scope, views, &keys, &options)).await?;
        let Some(values) = found.rows.column_by_name(feature.output()).cloned() else {
            return exec_err!(
                "{ONLINE_GET}: the answer for feature view {} has no value",
                view.name
            );
        };
        let mut answers = self.answers();
        answers.truncate(KEPT - 1);
        answers.push_front(Answer {
            view: view.name,
            keys,
            values: found.rows,
        });
        Ok(values)
    }

    /// The view with all of its features that the query calls for.
    fn with_all_features(&self, of: &LookupView) -> LookupView {
        let mut view = of.clone();
        for called in self.features().values() {
            for feature in &called.view.features {
                if called.view.name == view.name && !view.features.contains(feature) {
                    view.features.push(feature.clone());
                }
            }
        }
        view
    }

    fn answers(&self) -> MutexGuard<'_, VecDeque<Answer>> {
        self.answers.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl OnlineFeature {
    /// The name of its values in the answer of a lookup.
    fn output(&self) -> &str {
        let mut features = self.view.features.iter();
        features.next().map_or("", |feature| &feature.output)
    }

    /// The type of its values.
    pub(crate) fn data_type(&self) -> &DataType {
        &self.data_type
    }

    /// An error that says what is expected where keys of these types are not those of the view.
    pub(crate) fn check_keys<'a>(
        &self,
        types: impl ExactSizeIterator<Item = &'a DataType>,
    ) -> Result<()> {
        let (view, expected) = (&self.view.view, &self.view.view.keys);
        if types.len() != expected.len() {
            let names: Vec<&str> = expected.iter().map(|key| key.name.as_str()).collect();
            let by = match names.as_slice() {
                [] => "has no join key".to_owned(),
                [one] => format!("is looked up by {one}"),
                several => format!("is looked up by {}, in this order", several.join(", ")),
            };
            return plan_err!(
                "{ONLINE_GET}: feature view {} {by}: expected {} {} after the feature, found {}",
                view.name,
                expected.len(),
                if expected.len() == 1 { "key" } else { "keys" },
                types.len()
            );
        }
        for (found, key) in types.zip(expected) {
            if !key.key_type.takes(found) {
                return plan_err!(
                    "{ONLINE_GET}: the key for {} of feature view {} is {found}, expected {:?}; cast it",
                    key.name,
                    view.name,
                    key.key_type
                );
            }
        }
        Ok(())
    }

    /// The online table where there is one, else the view's own source, for the whole query.
    async fn find_source(&self) -> Result<LookupSource> {
        let table = match &self.view.store {
            Some(store) => store.open(&self.view.view).await?,
            None => None,
        };
        Ok(match table {
            Some(_) => LookupSource::Online,
            None => LookupSource::Offline,
        })
    }
}

/// Keys without duplicates and NULLs.
struct Distinct {
    keys: RecordBatch,
    /// For each row, which of the keys it has; NULL for a key with a NULL in it.
    places: UInt32Array,
}

fn distinct(names: &[String], keys: &[ArrayRef], rows: usize) -> Result<Distinct> {
    let mut places: Vec<Option<u32>> = Vec::with_capacity(rows);
    let mut firsts: Vec<u32> = Vec::new();
    if keys.is_empty() {
        firsts.extend((rows > 0).then_some(0));
        places.resize(rows, Some(0));
    } else {
        let fields = keys
            .iter()
            .map(|key| SortField::new(key.data_type().clone()));
        let converted = RowConverter::new(fields.collect())?.convert_columns(keys)?;
        let nulls: Vec<_> = keys.iter().map(|key| key.logical_nulls()).collect();
        let mut seen = HashMap::with_capacity(rows);
        for (at, row) in (0_u32..).zip(&converted) {
            let is_null = |nulls: &Option<arrow::buffer::NullBuffer>| {
                nulls
                    .as_ref()
                    .is_some_and(|nulls| nulls.is_null(at as usize))
            };
            if nulls.iter().any(is_null) {
                places.push(None);
                continue;
            }
            let next = u32::try_from(firsts.len()).unwrap_or(u32::MAX);
            let place = *seen.entry(row).or_insert_with(|| {
                firsts.push(at);
                next
            });
            places.push(Some(place));
        }
    }
    let firsts = UInt32Array::from(firsts);
    let fields = names.iter().zip(keys);
    let fields = fields.map(|(name, key)| Field::new(name, key.data_type().clone(), true));
    let schema = Arc::new(Schema::new(fields.collect::<Vec<_>>()));
    let columns = keys.iter().map(|key| take(key, &firsts, None));
    let columns = columns.collect::<Result<Vec<_>, _>>()?;
    let counted = RecordBatchOptions::new().with_row_count(Some(firsts.len()));
    Ok(Distinct {
        keys: RecordBatch::try_new_with_options(schema, columns, &counted)?,
        places: UInt32Array::from(places),
    })
}

#[cfg(test)]
mod tests {
    use arrow::array::{AsArray, Int64Array, NullArray, StringArray};
    use arrow::datatypes::Int64Type;

    use super::*;

    fn places(of: &Distinct) -> Vec<Option<u32>> {
        of.places.iter().collect()
    }

    #[test]
    fn keys_are_looked_up_once_and_nulls_not_at_all() {
        let ids: ArrayRef = Arc::new(Int64Array::from(vec![
            Some(7),
            None,
            Some(3),
            Some(7),
            Some(7),
        ]));
        let one = distinct(&["id".to_owned()], &[Arc::clone(&ids)], 5).unwrap();
        assert_eq!(
            one.keys.column(0).as_primitive::<Int64Type>().values(),
            &[7, 3]
        );
        assert_eq!(places(&one), [Some(0), None, Some(1), Some(0), Some(0)]);

        let cities: ArrayRef = Arc::new(StringArray::from(vec![
            Some("a"),
            Some("a"),
            None,
            Some("b"),
            Some("a"),
        ]));
        let names = ["id".to_owned(), "city".to_owned()];
        let two = distinct(&names, &[ids, cities], 5).unwrap();
        assert_eq!(places(&two), [Some(0), None, None, Some(1), Some(0)]);
        assert_eq!(two.keys.num_rows(), 2);
    }

    #[test]
    fn a_view_without_keys_is_looked_up_once() {
        let all = distinct(&[], &[], 3).unwrap();
        assert_eq!(places(&all), [Some(0); 3]);
        assert_eq!(all.keys.num_rows(), 1);
        assert_eq!(distinct(&[], &[], 0).unwrap().keys.num_rows(), 0);
    }

    #[test]
    fn untyped_nulls_are_nulls() {
        let nothing: ArrayRef = Arc::new(NullArray::new(2));
        let none = distinct(&["id".to_owned()], &[nothing], 2).unwrap();
        assert_eq!(places(&none), [None, None]);
        assert_eq!(none.keys.num_rows(), 0);
    }
}

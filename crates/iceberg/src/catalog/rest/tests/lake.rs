// SPDX-License-Identifier: Apache-2.0
// Copyright the datafusion-feast authors

//! A stand-in for a REST catalog with one table, whose files are in a stand-in for S3.

use std::sync::{Arc, Mutex};

use arrow::array::{Int64Array, RecordBatch};
use arrow::datatypes::{DataType, Field, Schema};
use iceberg::spec::TableMetadata;
use iceberg::{Catalog, NamespaceIdent, TableIdent, TableRequirement, TableUpdate};
use serde_json::{Value, json};

use crate::append::{append, create_table};
use crate::catalog::{CatalogOptions, SqlCatalog};
use crate::storage::stand_in::{Answer, Request, StandIn, StandInS3};

pub(super) const TABLE: &str = "/v1/namespaces/shop/tables/t";

type Hook = dyn Fn(&Request) -> Option<Answer> + Send + Sync;

/// What the catalog knows.
struct State {
    metadata: Mutex<Value>,
    /// Given with the table for all files, and for some.
    config: Mutex<Value>,
    prefixes: Mutex<Value>,
    overrides: Mutex<Value>,
    hook: Mutex<Option<Arc<Hook>>>,
}

/// A catalog `shop` with the table `t`, of which each file has ten rows `x`, 0 to 9.
#[derive(Clone)]
pub(super) struct Lake {
    pub(super) s3: StandInS3,
    pub(super) rest: StandIn,
    state: Arc<State>,
}

pub(super) fn ident() -> TableIdent {
    TableIdent::from_strs(["shop", "t"]).unwrap()
}

pub(super) fn rows() -> RecordBatch {
    let schema = Schema::new(vec![Field::new("x", DataType::Int64, false)]);
    let column = Int64Array::from_iter_values(0..10);
    RecordBatch::try_new(Arc::new(schema), vec![Arc::new(column)]).unwrap()
}

impl Lake {
    /// With so many files.
    pub(super) async fn with_files(count: usize) -> Self {
        let s3 = StandInS3::start(["writer"]);
        let metadata = write(&s3, count).await;
        let state = Arc::new(State {
            metadata: Mutex::new(metadata),
            config: Mutex::new(json!({})),
            prefixes: Mutex::new(Value::Null),
            overrides: Mutex::new(json!({})),
            hook: Mutex::default(),
        });
        let serving = Arc::clone(&state);
        let rest = StandIn::start(move |request| serving.answer(request));
        Self { s3, rest, state }
    }

    /// What the catalog gives with the table.
    pub(super) fn give(&self, config: Value, prefixes: Value) {
        *self.state.config.lock().unwrap() = config;
        *self.state.prefixes.lock().unwrap() = prefixes;
    }

    /// Gives keys with a token for the table's files, and lets them be good.
    pub(super) fn vend(&self, key: &str, token: &str) {
        self.s3.accept(["writer", key]);
        let keys = json!({
            "s3.access-key-id": key,
            "s3.secret-access-key": "vendedsecret",
            "s3.session-token": token,
        });
        let prefixes = json!([{ "prefix": "s3://bucket/wh", "config": keys }]);
        self.give(json!({ "s3.endpoint": self.s3.server().url() }), prefixes);
    }

    pub(super) fn insist(&self, overrides: Value) {
        *self.state.overrides.lock().unwrap() = overrides;
    }

    /// Lets `hook` answer what it wants to.
    pub(super) fn hook(&self, hook: impl Fn(&Request) -> Option<Answer> + Send + Sync + 'static) {
        *self.state.hook.lock().unwrap() = Some(Arc::new(hook));
    }

    /// The first requests that begin like this are answered so, one after the other.
    pub(super) fn first(&self, method: &'static str, path: &'static str, answers: Vec<Answer>) {
        let answers = Mutex::new(answers.into_iter());
        self.hook(move |request| {
            let meant = request.method == method && request.path == path;
            meant.then(|| answers.lock().unwrap().next()).flatten()
        });
    }

    /// Requests that begin like this are answered so.
    pub(super) fn always(&self, method: &'static str, path: &'static str, answer: Answer) {
        self.hook(move |request| {
            let meant = request.method == method && request.path == path;
            meant.then(|| answer.clone())
        });
    }

    /// What the catalog itself says.
    pub(super) fn answer(&self, request: &Request) -> Answer {
        self.state.answer(request)
    }

    /// Commits as the catalog itself does.
    pub(super) fn commit(&self, request: &Request) -> Answer {
        self.state.commit(request)
    }

    pub(super) fn unhook(&self) {
        *self.state.hook.lock().unwrap() = None;
    }

    /// The options for it, with the S3 keys if none are vended.
    pub(super) fn options(&self, more: &[(&str, &str)]) -> CatalogOptions {
        options(&self.rest.url(), more)
    }

    /// The options with good keys of the user's own.
    pub(super) fn with_keys(&self, more: &[(&str, &str)]) -> CatalogOptions {
        let endpoint = self.s3.server().url();
        let mut all = vec![
            ("s3.endpoint", endpoint.as_str()),
            ("s3.access-key-id", "writer"),
            ("s3.secret-access-key", "writersecret"),
        ];
        all.extend(more);
        self.options(&all)
    }
}

pub(super) fn options(uri: &str, more: &[(&str, &str)]) -> CatalogOptions {
    let usual = [
        ("type", "rest"),
        ("uri", uri),
        ("rest.client.max-retries", "1"),
    ];
    let pairs = usual.iter().chain(more);
    let pairs = pairs.map(|(key, value)| (key.to_string(), value.to_string()));
    CatalogOptions::from_pairs("remote", pairs).unwrap()
}

/// Writes the table's files, and gives its metadata.
async fn write(s3: &StandInS3, count: usize) -> Value {
    let folder = tempfile::tempdir().unwrap();
    let database = folder.path().join("c.db");
    SqlCatalog::create(&database, "sql", "s3://bucket/wh").unwrap();
    let uri = format!("sqlite:///{}", database.display());
    let pairs = [
        ("type", "sql"),
        ("uri", &uri),
        ("warehouse", "s3://bucket/wh"),
        ("s3.endpoint", &s3.server().url()),
        ("s3.access-key-id", "writer"),
        ("s3.secret-access-key", "writersecret"),
    ];
    let pairs = pairs.map(|(key, value)| (key.to_string(), value.to_string()));
    let options = CatalogOptions::from_pairs("sql", pairs).unwrap();
    let catalog = SqlCatalog::open(&options).await.unwrap();
    let namespace = NamespaceIdent::new("shop".to_string());
    catalog
        .create_namespace(&namespace, Default::default())
        .await
        .unwrap();
    let schema = rows().schema();
    create_table(&catalog, &namespace, "t", &schema, &[])
        .await
        .unwrap();
    for _ in 0..count {
        append(&catalog, &ident(), vec![rows()]).await.unwrap();
    }
    let table = catalog.load_table(&ident()).await.unwrap();
    serde_json::to_value(table.metadata()).unwrap()
}

impl State {
    fn answer(&self, request: &Request) -> Answer {
        let hook = self.hook.lock().unwrap().clone();
        if let Some(answer) = hook.and_then(|hook| hook(request)) {
            return answer;
        }
        let line = format!("{} {}", request.method, request.path);
        match line.as_str() {
            "GET /v1/config" => {
                let overrides = self.overrides.lock().unwrap();
                Answer::json(json!({ "defaults": {}, "overrides": *overrides }))
            }
            "GET /v1/namespaces" if request.query.contains("parent=") => {
                Answer::json(json!({ "namespaces": [] }))
            }
            "GET /v1/namespaces" => Answer::json(json!({ "namespaces": [["shop"]] })),
            "HEAD /v1/namespaces/shop" | "HEAD /v1/namespaces/shop/tables/t" => {
                Answer::new(204, "")
            }
            "GET /v1/namespaces/shop/tables" => {
                Answer::json(json!({ "identifiers": [{ "namespace": ["shop"], "name": "t" }] }))
            }
            "GET /v1/namespaces/shop/tables/t" => Answer::json(json!({
                "metadata-location": "s3://bucket/wh/shop/t/metadata/current.metadata.json",
                "metadata": *self.metadata.lock().unwrap(),
                "config": *self.config.lock().unwrap(),
                "storage-credentials": *self.prefixes.lock().unwrap(),
            })),
            "POST /v1/namespaces/shop/tables/t" => self.commit(request),
            _ => Answer::error(404, "there is no such thing"),
        }
    }

    /// Commits as a catalog does.
    fn commit(&self, request: &Request) -> Answer {
        #[derive(serde::Deserialize)]
        struct Commit {
            requirements: Vec<TableRequirement>,
            updates: Vec<TableUpdate>,
        }
        let commit: Commit = serde_json::from_slice(&request.body).unwrap();
        let mut held = self.metadata.lock().unwrap();
        let metadata: TableMetadata = serde_json::from_value(held.clone()).unwrap();
        for requirement in commit.requirements {
            if requirement.check(Some(&metadata)).is_err() {
                return Answer::error(409, "somebody else was first");
            }
        }
        let file = "s3://bucket/wh/shop/t/metadata/current.metadata.json";
        let mut builder = metadata.into_builder(Some(file.to_string()));
        for update in commit.updates {
            builder = update.apply(builder).unwrap();
        }
        let metadata = builder.build().unwrap().metadata;
        *held = serde_json::to_value(&metadata).unwrap();
        Answer::json(json!({ "metadata-location": file, "metadata": *held }))
    }
}

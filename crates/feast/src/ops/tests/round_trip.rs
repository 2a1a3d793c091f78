// SPDX-License-Identifier: Apache-2.0
// Copyright the datafusion-feast authors

//! Whatever is created is shown as a statement that creates the same again.

use feast_registry::{Registry, Version};

use super::*;
use crate::ddl;

/// Numbers from a seed.
struct Chance(u64);

impl Chance {
    fn below(&mut self, end: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 % end.max(1) as u64) as usize
    }

    fn one_in(&mut self, count: usize) -> bool {
        self.below(count) == 0
    }

    fn pick<const N: usize>(&mut self, items: [&'static str; N]) -> &'static str {
        items[self.below(N)]
    }
}

const NAMES: [&str; 16] = [
    "rate",
    "Rate2",
    "größe",
    "日本",
    "a b",
    "a\"b",
    "it's",
    "select",
    "tags",
    "on",
    "_x",
    "1st",
    "a.b",
    "ttl",
    "timestamp",
    "'",
];
const TEXTS: [&str; 7] = ["", "plain", "it's", "a\nb", "\"q\"", "ünï", "-- no comment"];

fn quoted(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

fn literal(text: &str) -> String {
    format!("'{}'", text.replace('\'', "''"))
}

fn options(chance: &mut Chance) -> String {
    let mut text = String::new();
    if chance.one_in(2) {
        text += &format!(" COMMENT {}", literal(chance.pick(TEXTS)));
    }
    if chance.one_in(2) {
        text += &format!(" OWNER {}", literal(chance.pick(TEXTS)));
    }
    if chance.one_in(2) {
        let (key, value) = (chance.pick(NAMES), chance.pick(TEXTS));
        text += &format!(" TAGS ({} {}, z 'y')", quoted(key), literal(value));
    }
    text
}

/// A view over `rides`, directly or through a query or file, with features under odd names.
fn view(chance: &mut Chance, name: &str) -> String {
    let mut names = NAMES.to_vec();
    let columns = [
        ("conv_rate", "DOUBLE"),
        ("trips", "BIGINT"),
        ("Rating", "FLOAT"),
        ("seq", "BIGINT"),
    ];
    let (mut features, mut mapping) = (Vec::new(), Vec::new());
    for (column, kind) in columns {
        if !features.is_empty() && chance.one_in(3) {
            continue;
        }
        let mut feature = column.to_owned();
        if chance.one_in(2) {
            feature = names.remove(chance.below(names.len())).to_owned();
            mapping.push(format!("{} AS {}", quoted(column), quoted(&feature)));
        }
        let comment = match chance.one_in(3) {
            true => format!(" COMMENT {}", literal(chance.pick(TEXTS))),
            false => String::new(),
        };
        features.push(format!("{} {kind}{comment}", quoted(&feature)));
    }
    let source = match chance.below(3) {
        0 => "rides".to_owned(),
        1 => "datafusion.public.rides".to_owned(),
        _ => "(SELECT *, ')' AS p FROM rides WHERE \"Rating\" > 1 OR seq IS NULL -- all\n)"
            .to_owned(),
    };
    let mut text = format!("CREATE FEATURE VIEW {}", quoted(name));
    if chance.one_in(2) {
        text += " ENTITIES (driver)";
    }
    text += &format!(
        " FEATURES ({}) FROM {source} TIMESTAMP event_timestamp",
        features.join(", ")
    );
    if chance.one_in(2) {
        text += " CREATED TIMESTAMP created";
    }
    if chance.one_in(3) {
        text += " TIE BREAK (__row)";
    }
    if !mapping.is_empty() {
        text += &format!(" FIELD MAPPING ({})", mapping.join(", "));
    }
    if chance.one_in(2) {
        let ttl = chance.pick([
            "7 days",
            "0.25 seconds",
            "1 day 2 hours 3 minutes 4 seconds",
            "0",
        ]);
        text += &format!(" TTL INTERVAL '{ttl}'");
    }
    if chance.one_in(2) {
        text += " OFFLINE ONLY";
    }
    text + &options(chance)
}

/// Everything that is defined.
fn definitions(store: &InMemoryRegistryStore) -> String {
    let registry = match store.read().unwrap() {
        Some(stored) => Registry::parse(&stored.bytes).unwrap(),
        None => Registry::new(),
    };
    format!(
        "{:#?}\n{:#?}\n{:#?}\n{:#?}",
        registry.entities("default").unwrap(),
        registry.feature_views("default").unwrap(),
        registry.feature_services("default").unwrap(),
        registry.data_sources("default").unwrap()
    )
}

#[tokio::test]
async fn created_shown_and_created_again_is_equal() {
    for seed in 1..=60_u64 {
        let mut chance = Chance(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15));
        let stores = [(); 2].map(|()| Arc::new(InMemoryRegistryStore::new()));
        let first = session_on(Arc::clone(&stores[0]) as Arc<dyn RegistryStore>).await;
        let second = session_on(Arc::clone(&stores[1]) as Arc<dyn RegistryStore>).await;
        let name = chance.pick(NAMES);
        let statements = [
            format!(
                "CREATE ENTITY driver JOIN KEY (driver_id BIGINT){}",
                options(&mut chance)
            ),
            view(&mut chance, name),
            format!(
                "CREATE FEATURE SERVICE {} AS ({} AS {}, {}){}",
                quoted(chance.pick(NAMES)),
                quoted(name),
                quoted(&format!("alias of {name}")),
                quoted(name),
                options(&mut chance)
            ),
        ];
        let objects = [
            "ENTITY driver".to_owned(),
            format!("FEATURE VIEW {}", quoted(name)),
        ];
        for (index, statement) in statements.iter().enumerate() {
            rows(&first, statement)
                .await
                .unwrap_or_else(|error| panic!("seed {seed}: {statement}: {error}"));
            let object = match objects.get(index) {
                Some(object) => object.clone(),
                None => {
                    let service = text(&first, "SHOW FEATURE SERVICES", "name").await;
                    format!("FEATURE SERVICE {}", quoted(&service))
                }
            };
            let shown = text(&first, &format!("SHOW CREATE {object}"), "statement").await;
            // What is shown prints as itself when read.
            let read = ddl::parse(&shown).unwrap().unwrap();
            assert_eq!(read.to_string(), shown, "seed {seed}");
            rows(&second, &shown)
                .await
                .unwrap_or_else(|error| panic!("seed {seed}: {shown}: {error}"));
            let again = text(&second, &format!("SHOW CREATE {object}"), "statement").await;
            assert_eq!(again, shown, "seed {seed}");
        }
        assert_eq!(
            definitions(&stores[0]),
            definitions(&stores[1]),
            "seed {seed}"
        );
        assert_ne!(
            stores[0].read().unwrap().unwrap().version,
            Version::absent()
        );
    }
}

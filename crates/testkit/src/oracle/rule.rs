// SPDX-License-Identifier: Apache-2.0
// Copyright the datafusion-feast authors

//! The five rules of the point-in-time join, one entity row against one feature row at a time.

use std::cmp::Ordering;

use super::value::{Value, order_all};

/// What an entity row brings: its key parts and its time.
#[derive(Debug, Clone)]
pub struct EntityRow {
    /// The key parts, in the order of the view's keys.
    pub keys: Vec<Value>,
    /// The row's time in nanoseconds since 1970-01-01T00:00:00Z.
    pub time: Option<i128>,
}

/// What a row of a feature view brings.
#[derive(Debug, Clone)]
pub struct FeatureRow {
    /// The key parts, in the order of the view's keys.
    pub keys: Vec<Value>,
    /// The event time in nanoseconds.
    pub event: Option<i128>,
    /// The created time in nanoseconds; NULL too when the view has no created column.
    pub created: Option<i128>,
    /// The values of the declared tie-break columns.
    pub tie_break: Vec<Value>,
    /// All the view's features, in their declared order.
    pub features: Vec<Value>,
}

/// What a view and a call say about matching.
#[derive(Debug, Clone, Copy)]
pub struct Rule {
    /// Time to live in nanoseconds; `None` and 0 are no limit.
    pub ttl: Option<i128>,
    /// The created cutoff is on and the view has a created column.
    pub created_cutoff: bool,
}

/// Rules 1 to 4: may this feature row answer for this entity row?
pub fn matches(entity: &EntityRow, row: &FeatureRow, rule: Rule) -> bool {
    // 1. Every join key is equal; NULL equals nothing.
    for (left, right) in entity.keys.iter().zip(&row.keys) {
        if !left.equals_as_key(right) {
            return false;
        }
    }
    // 2. The event is not after the entity's time; without a time nothing matches.
    let (Some(time), Some(event)) = (entity.time, row.event) else {
        return false;
    };
    if event > time {
        return false;
    }
    // 3. The event is not too old; the edge still matches.
    if let Some(ttl) = rule.ttl
        && ttl > 0
        && event + ttl < time
    {
        return false;
    }
    // 4. The row was known by then; a row that does not say when it was created was not.
    if rule.created_cutoff {
        match row.created {
            None => return false,
            Some(created) if created > time => return false,
            Some(_) => {}
        }
    }
    true
}

/// Rule 5: the greater of two matching rows is the winner.
pub fn rank(a: &FeatureRow, b: &FeatureRow) -> Ordering {
    a.event
        .cmp(&b.event)
        // `None` is below every time: NULL comes last.
        .then(a.created.cmp(&b.created))
        .then_with(|| order_all(&a.tie_break, &b.tie_break))
        .then_with(|| order_all(&a.features, &b.features))
}

/// The row that answers for an entity row, if any.
pub fn winner(entity: &EntityRow, rows: &[FeatureRow], rule: Rule) -> Option<usize> {
    let mut best: Option<usize> = None;
    for (index, row) in rows.iter().enumerate() {
        if !matches(entity, row, rule) {
            continue;
        }
        best = match best {
            Some(held) if rank(row, &rows[held]).is_le() => Some(held),
            _ => Some(index),
        };
    }
    best
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entity(time: Option<i128>) -> EntityRow {
        EntityRow {
            keys: vec![Value::Int(1)],
            time,
        }
    }

    fn row(event: i128, created: Option<i128>, feature: i128) -> FeatureRow {
        FeatureRow {
            keys: vec![Value::Int(1)],
            event: Some(event),
            created,
            tie_break: vec![],
            features: vec![Value::Int(feature)],
        }
    }

    const OPEN: Rule = Rule {
        ttl: None,
        created_cutoff: false,
    };

    #[test]
    fn window_is_inclusive_at_both_ends() {
        let ttl = Rule {
            ttl: Some(10),
            ..OPEN
        };
        for (event, expected) in [(89, false), (90, true), (100, true), (101, false)] {
            assert_eq!(
                matches(&entity(Some(100)), &row(event, None, 0), ttl),
                expected
            );
        }
        let zero = Rule {
            ttl: Some(0),
            ..OPEN
        };
        assert!(matches(&entity(Some(100)), &row(-5_000, None, 0), zero));
    }

    #[test]
    fn nothing_matches_null() {
        assert!(!matches(&entity(None), &row(1, None, 0), OPEN));
        let mut timeless = row(1, None, 0);
        timeless.event = None;
        assert!(!matches(&entity(Some(5)), &timeless, OPEN));
        let mut keyless = row(1, None, 0);
        keyless.keys = vec![Value::Null];
        assert!(!matches(
            &EntityRow {
                keys: vec![Value::Null],
                time: Some(5)
            },
            &keyless,
            OPEN
        ));
    }

    #[test]
    fn cutoff_hides_what_was_not_known() {
        let cutoff = Rule {
            created_cutoff: true,
            ..OPEN
        };
        for (created, expected) in [(None, false), (Some(5), true), (Some(6), false)] {
            assert_eq!(
                matches(&entity(Some(5)), &row(1, created, 0), cutoff),
                expected
            );
        }
    }

    #[test]
    fn newest_event_then_created_then_values() {
        let rows = [
            row(1, Some(9), 9),
            row(2, None, 8),
            row(2, Some(1), 1),
            row(2, Some(1), 2),
        ];
        assert_eq!(winner(&entity(Some(5)), &rows, OPEN), Some(3));
        assert_eq!(winner(&entity(Some(1)), &rows, OPEN), Some(0));
        assert_eq!(winner(&entity(Some(0)), &rows, OPEN), None);
    }
}

// SPDX-License-Identifier: Apache-2.0
// Copyright the datafusion-feast authors

//! The tables of Feast's SQL registry, and the fields of a registry file that they stand for.

/// A table whose rows are objects of one kind.
#[derive(Debug)]
pub(super) struct ObjectTable {
    /// The field of the registry message.
    pub(super) number: u32,
    pub(super) table: &'static str,
    pub(super) name: &'static str,
    pub(super) message: &'static str,
    /// Where the message keeps its project: the field of its spec, or of itself.
    pub(super) project: ProjectField,
}

/// Where a message keeps its project. In the database the row has it, the message may not.
#[derive(Debug, Clone, Copy)]
pub(super) enum ProjectField {
    /// A field of the message in field 1.
    Spec(u32),
    /// A field of the message itself.
    Own(u32),
}

const fn table(
    number: u32,
    table: &'static str,
    name: &'static str,
    message: &'static str,
    project: ProjectField,
) -> ObjectTable {
    ObjectTable {
        number,
        table,
        name,
        message,
        project,
    }
}

/// In the order in which Feast writes the fields to a file.
pub(super) const OBJECTS: [ObjectTable; 10] = {
    use ProjectField::{Own, Spec};
    let (view, view_message) = ("feature_view_name", "feature_view_proto");
    [
        table(1, "entities", "entity_name", "entity_proto", Spec(9)),
        table(6, "feature_views", view, view_message, Spec(2)),
        table(
            7,
            "feature_services",
            "feature_service_name",
            "feature_service_proto",
            Spec(2),
        ),
        table(8, "on_demand_feature_views", view, view_message, Spec(2)),
        table(
            11,
            "saved_datasets",
            "saved_dataset_name",
            "saved_dataset_proto",
            Spec(2),
        ),
        table(
            12,
            "data_sources",
            "data_source_name",
            "data_source_proto",
            Own(21),
        ),
        table(
            13,
            "validation_references",
            "validation_reference_name",
            "validation_reference_proto",
            Own(3),
        ),
        table(14, "stream_feature_views", view, view_message, Spec(2)),
        table(
            16,
            "permissions",
            "permission_name",
            "permission_proto",
            Spec(2),
        ),
        table(19, "label_views", view, view_message, Spec(2)),
    ]
};

/// The projects, each in a row of its own.
pub(super) const PROJECTS: u32 = 17;
/// A project's id, in rows of `feast_metadata`.
pub(super) const PROJECT_METADATA: u32 = 15;
/// The versions of views, in one message.
pub(super) const HISTORY: u32 = 18;

// SPDX-License-Identifier: Apache-2.0
// Copyright the datafusion-feast authors

//! Where the bucket stands in a request: in the path or in the host's name.

use super::lake::{Lake, are_up, service};
use super::peers::make;
use super::proxy::Proxy;
use super::session::{Session, run};

#[test]
fn buckets_in_the_path_and_in_the_name_of_the_host() {
    if !are_up() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let lake = Lake::sqlite(folder.path());
    let namespace = lake.namespace("address");
    let made = make(&lake, "one", &namespace, &["t"]);
    let query = format!("SELECT * FROM lake.{namespace}.t");
    let (s3, bucket) = (service("SEAWEEDFS_S3"), service("SEAWEEDFS_BUCKET"));
    let proxy = Proxy::of("SEAWEEDFS_S3", &[]);
    // Nothing here resolves the name: the requests go to the server as to a proxy.
    let named = format!("http://{}", service("SEAWEEDFS_DOMAIN"));
    for (way, options, path) in [
        (
            "no word",
            lake.options().with("s3.endpoint", &proxy.address()),
            true,
        ),
        (
            "path style",
            lake.options()
                .with("s3.endpoint", &proxy.address())
                .with("s3.path-style-access", "true"),
            true,
        ),
        (
            "a slash at the end",
            lake.options()
                .with("s3.endpoint", &format!("{}/", proxy.address())),
            true,
        ),
        (
            "virtual",
            lake.options()
                .with("s3.endpoint", &named)
                .with("s3.path-style-access", "false")
                .with("s3.proxy-uri", &proxy.address()),
            false,
        ),
    ] {
        let before = proxy.requests("").len();
        run(async {
            let session = Session::attach(&options).await.unwrap();
            assert_eq!(session.read(&query).await, made[0].1, "{way}");
        });
        let requests = proxy.requests("").split_off(before);
        let expected = match path {
            true => format!(" /{bucket}/"),
            false => format!(" http://{bucket}."),
        };
        assert!(!requests.is_empty(), "{way}");
        let wrong = requests.iter().find(|line| !line.contains(&expected));
        assert_eq!(wrong, None, "{way} at {s3}");
    }
}

#[test]
fn a_bucket_that_is_not_there_is_named() {
    if !are_up() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let lake = Lake::sqlite(folder.path());
    let namespace = lake.namespace("bucket");
    make(&lake, "one", &namespace, &["t"]);
    run(async {
        // The other server has no such bucket, nor the file.
        let options = lake.options().with("s3.endpoint", &service("MINISTACK_S3"));
        let session = Session::attach(&options).await.unwrap();
        let (error, _) = session
            .error(&format!("SELECT * FROM lake.{namespace}.t"))
            .await;
        println!("{error}");
        assert!(
            error.contains("does not exist") && error.contains("s3://"),
            "{error}"
        );
    });
}

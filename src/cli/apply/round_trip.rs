//! Whatever documents say, `apply`, `export` and `apply` again change nothing the second time.

use super::tests::{APPLY, CHECK, House, PRUNE};
use super::*;
use crate::domain::exception::Allowance;
use proptest::collection::{btree_map, vec};
use proptest::option;
use proptest::prelude::*;
use proptest::sample::{select, subsequence};
use serde_json::{Map, Value, json};

const NOW: Timestamp = Timestamp::from_seconds(1_790_000_000);
const CONTRACT: &str = include_str!("../../../tests/documents/contract.yaml");

/// Applies a document to `house` alone, its export to `twin`, and both exports back to where they came from.
async fn check(house: &House, twin: &House, name: &str, document: &str) -> Result<(), TestCaseError> {
    let applied = house.applier.apply(name, document, PRUNE, NOW).await;
    prop_assert!(applied.is_ok(), "{document}\n{}", applied.unwrap_err());
    let (bare, whole) = (house.exported(false).await, house.exported(true).await);
    for exported in [&bare, &whole] {
        let yaml = exported.to_yaml();
        let json = serde_json::to_string_pretty(exported).unwrap();
        for (name, text, order) in [("e.yaml", &yaml, CHECK), ("e.yaml", &yaml, PRUNE), ("e.json", &json, APPLY)] {
            let again = house.applier.apply(name, text, order, NOW).await;
            prop_assert!(again.is_ok(), "{text}\n{}", again.unwrap_err());
            prop_assert!(!again.as_ref().unwrap().differs(), "{text}\n{again:?}");
        }
    }
    prop_assert_eq!(&house.exported(true).await, &whole);
    let moved = twin.applier.apply("e.yaml", &whole.to_yaml(), PRUNE, NOW).await;
    prop_assert!(moved.is_ok(), "{}\n{}", whole.to_yaml(), moved.unwrap_err());
    prop_assert_eq!(&twin.exported(true).await, &whole);
    let shown = bare.to_yaml() + &serde_json::to_string(&bare).unwrap();
    for secret in [
        "$argon2",
        "sha256:",
        "sealed:",
        "password_hash",
        "client_secret_hash",
        "token_hash",
        "registration_access_token",
    ] {
        prop_assert!(!shown.contains(secret), "{shown}");
    }
    Ok(())
}

#[tokio::test]
async fn the_document_of_the_contract_comes_back() {
    let (house, twin) = (House::build().await, House::build().await);
    check(&house, &twin, "a.yaml", CONTRACT).await.unwrap();
    let yaml = house.exported(false).await.to_yaml();
    for line in [
        "  - username: alice",
        "    email_verified: true",
        "      locale: ko-KR",
        "    roles: [admin]",
        "    redirect_uris: [http://127.0.0.1/callback, com.example.app:/callback]",
        "    scope: openid profile email offline_access",
        "      - { allow: no_pkce, owner: identity team, reason: \"certification profile, client cannot send PKCE\", until: \"2027-06-30\" }",
        "    default_resource: https://api.example.com",
        "    may_introspect: audience",
        "    served_by: [backend]",
        "  mode: token",
        "      ko: \"주문 내역 보기\"",
    ] {
        let is_there = yaml.lines().any(|known| known == line);
        assert!(is_there, "{line}\n{yaml}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, max_shrink_iters: 100, ..ProptestConfig::default() })]
    #[test]
    fn arbitrary_documents_come_back(documents in vec(document(), 2)) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let (house, twin) = (House::build().await, House::build().await);
            for document in documents {
                check(&house, &twin, "a.json", &document.to_string()).await?;
            }
            Ok::<(), TestCaseError>(())
        })?;
    }
}

fn document() -> impl Strategy<Value = Value> {
    (users(), clients(), resources(), option::of(registration()), scopes()).prop_map(
        |(users, clients, mut resources, registration, scopes)| {
            let known: Vec<&Value> = clients.iter().map(|client| &client["client_id"]).collect();
            for resource in &mut resources {
                resource["served_by"].as_array_mut().unwrap().retain(|id| known.contains(&id));
            }
            json!({
                "users": users, "clients": clients, "resources": resources, "registration": registration, "scopes": scopes,
            })
        },
    )
}

fn users() -> impl Strategy<Value = Vec<Value>> {
    let names = subsequence(vec!["alice", "Bob", "김민지", "d.e-f_g"], 0..=4);
    (names, vec(user_fields(), 4)).prop_map(|(names, fields)| {
        let user = |(name, mut user): (&str, Map<String, Value>)| {
            user.insert("username".into(), json!(name));
            user.insert("email".into(), json!(format!("{}@Example.com", name.chars().next().unwrap())));
            Value::Object(user)
        };
        names.into_iter().zip(fields).map(user).collect()
    })
}

fn user_fields() -> impl Strategy<Value = Map<String, Value>> {
    let roles = vec("[!-~]{1,12}", 0..3).prop_map(Value::from);
    let password = select(vec!["correct-horse-battery", "  seven maples at a stop  "]).prop_map(Value::from);
    (
        option::of(any::<bool>()),
        option::of(claims()),
        option::of(roles),
        option::of(any::<bool>()),
        option::of(password),
    )
        .prop_map(|(email_verified, claims, roles, disabled, password)| {
            let fields = [
                ("email_verified", email_verified.map(Value::from)),
                ("claims", claims),
                ("roles", roles),
                ("disabled", disabled.map(Value::from)),
                ("password", password),
            ];
            only_said(fields)
        })
}

fn claims() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        proptest::num::f64::NORMAL.prop_map(Value::from),
        any::<String>().prop_map(Value::from),
        select(vec![
            "true",
            "0x1f",
            "1e3",
            "~",
            "",
            "- a",
            "a: b",
            "#",
            "2027-06-30",
            "<<",
            "y",
            ".inf",
            "\u{0}\u{85}\u{feff}"
        ])
        .prop_map(Value::from),
    ];
    let value = leaf.prop_recursive(3, 12, 3, |inner| {
        prop_oneof![
            vec(inner.clone(), 0..3).prop_map(Value::from),
            btree_map(".{0,8}", inner, 0..3).prop_map(|members| Value::Object(members.into_iter().collect())),
        ]
    });
    btree_map(".{1,12}", value, 0..4).prop_map(|claims| {
        let own = ["sub", "email", "email_verified", "updated_at"];
        Value::Object(claims.into_iter().filter(|(name, _)| !own.contains(&name.as_str())).collect())
    })
}

fn clients() -> impl Strategy<Value = Vec<Value>> {
    (subsequence(vec!["one", "Two", "3/c?d=e:f#g", "\"four'"], 0..=4), vec(client_fields(), 4)).prop_map(
        |(ids, fields)| {
            let client = |(id, mut client): (&str, Map<String, Value>)| {
                client.insert("client_id".into(), json!(id));
                Value::Object(client)
            };
            ids.into_iter().zip(fields).map(client).collect()
        },
    )
}

fn client_fields() -> impl Strategy<Value = Map<String, Value>> {
    (authentication(), wishes(), metadata()).prop_map(|(authentication, wishes, metadata)| {
        let mut fields: Map<String, Value> = authentication.into_iter().chain(wishes).chain(metadata).collect();
        if fields.get("token_endpoint_auth_method").is_some_and(|method| method == "private_key_jwt") {
            let at = json!("https://app.example.com/keys?a=[b]");
            if !fields.contains_key("jwks") {
                fields.insert("jwks_uri".to_owned(), at);
            }
        }
        fields
    })
}

fn authentication() -> impl Strategy<Value = Map<String, Value>> {
    let methods = ["client_secret_basic", "client_secret_post", "client_secret_jwt", "private_key_jwt", "none"];
    let method = option::of(select(methods.to_vec()));
    let secret = select(vec![
        ("client_secret", "backend-secret \"quoted\""),
        ("client_secret_hash", "sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"),
        (
            "client_secret_hash",
            "$argon2id$v=19$m=64,t=1,p=1$c29tZXNhbHRzb21lc2FsdA$9sTbSlTio3Biev89thdrlKKiCaYsjjYVJxGAL3swxpQ",
        ),
    ]);
    (method, secret).prop_map(|(method, (name, secret))| {
        let (name, secret) = match method {
            Some("none" | "private_key_jwt") => (name, None),
            Some("client_secret_jwt") => ("client_secret", Some("a secret of more than thirty-two characters")),
            _ => (name, Some(secret)),
        };
        only_said([("token_endpoint_auth_method", method.map(Value::from)), (name, secret.map(Value::from))])
    })
}

fn wishes() -> impl Strategy<Value = Map<String, Value>> {
    let name = option::of("[^\\p{C}]{1,20}");
    let grants = subsequence(vec!["authorization_code", "refresh_token", "password"], 0..=3);
    let lifetimes = (option::of(1..=86_400_i64), option::of(1..=1000_i64), option::of(1000..=315_360_000_i64));
    let flags = (option::of(any::<bool>()), option::of(any::<bool>()), option::of(any::<bool>()));
    let exceptions = option::of(exceptions());
    let scope = option::of("([!#-\\[\\]-~]{1,8} ){0,3}");
    (name, option::of(grants), lifetimes, flags, exceptions, scope, any::<bool>()).prop_map(
        |(name, grants, (access, idle, whole), (consent, rotation, disabled), exceptions, scope, is_native)| {
            let kind = if is_native { "native" } else { "web" };
            let uris: &[&str] = if is_native {
                &["http://127.0.0.1/callback", "http://[::1]/cb?a=b&c", "com.example.app:/callback"]
            } else {
                &["https://app.example.com/callback", "https://b.example/%20{x}"]
            };
            only_said([
                ("client_name", name.filter(|name| !name.is_empty()).map(Value::from)),
                ("application_type", Some(json!(kind))),
                ("redirect_uris", Some(json!(uris))),
                ("grant_types", grants.map(|grants| json!(grants))),
                ("access_token_lifetime", access.map(Value::from)),
                ("refresh_token_idle_lifetime", idle.map(Value::from)),
                ("refresh_token_lifetime", whole.map(Value::from)),
                ("skip_consent", consent.map(Value::from)),
                ("refresh_token_rotation", rotation.map(Value::from)),
                ("disabled", disabled.map(Value::from)),
                ("exceptions", exceptions),
                ("scope", scope.map(|scope| json!(scope.trim_end()))),
            ])
        },
    )
}

fn metadata() -> impl Strategy<Value = Map<String, Value>> {
    let words = option::of(any::<String>().prop_map(Value::from));
    let contacts = option::of(vec(any::<String>(), 0..3).prop_map(Value::from));
    let introspect = option::of(select(vec!["own", "audience", "all"]).prop_map(Value::from));
    let keys = option::of(Just(json!({"keys": [{
        "kty": "EC", "crv": "P-256", "x": "f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU",
        "y": "x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0",
    }]})));
    let algorithm = option::of(select(vec!["ES256", "RS256"]).prop_map(Value::from));
    let resource = option::of(Just(json!("https://api.example.com/v1?x=[y]")));
    let origins = option::of(Just(json!(["https://app.example.com", "http://localhost:5173"])));
    let registered = option::of(select(vec!["token", "open"]));
    (words, contacts, introspect, keys, algorithm, resource, origins, option::of(0..=i64::MAX), registered).prop_map(
        |(words, contacts, introspect, keys, algorithm, resource, origins, age, registered)| {
            only_said([
                ("client_name#ko", Some(json!("이름 \"둘\""))),
                ("client_uri#ko", Some(json!("https://app.example.com/ko"))),
                ("registered_by", registered.map(|by| json!(by))),
                ("client_id_issued_at", registered.map(|_| json!(1_790_000_000))),
                ("software_id", words),
                ("contacts", contacts),
                ("may_introspect", introspect),
                ("jwks", keys),
                ("id_token_signed_response_alg", algorithm),
                ("default_resource", resource),
                ("allowed_origins", origins),
                ("default_max_age", age.map(Value::from)),
                ("require_auth_time", Some(json!(true))),
                ("require_pkce", Some(json!(true))),
            ])
        },
    )
}

fn exceptions() -> impl Strategy<Value = Value> {
    let allow = select(Allowance::ALL.map(Allowance::as_str).to_vec());
    let exception = (allow, "[^\\p{C}\\p{Z}]{1,9}", "[a-z]{1,9}", 2000..=2999_u16, 1..=12_u8, 1..=28_u8);
    let exception = exception.prop_map(|(allow, reason, owner, year, month, day)| {
        json!({"allow": allow, "reason": reason, "owner": owner, "until": format!("{year}-{month:02}-{day:02}")})
    });
    vec(exception, 0..3).prop_map(Value::from)
}

fn resources() -> impl Strategy<Value = Vec<Value>> {
    let one = (
        vec("[!#-\\[\\]-~]{1,9}", 0..3),
        select(vec!["at+jwt", "JWT", "opaque"]),
        subsequence(vec!["one", "Two", "3/c?d=e:f#g"], 0..=3),
    );
    (subsequence(vec!["https://api.example.com", "urn:a:b", "https://b.example/?x=y"], 0..=3), vec(one, 3)).prop_map(
        |(identifiers, fields)| {
            let resource = |(identifier, (scopes, kind, clients)): (&str, (Vec<String>, &str, Vec<&str>))| {
                json!({"identifier": identifier, "scopes": scopes, "access_token_type": kind, "served_by": clients})
            };
            identifiers.into_iter().zip(fields).map(resource).collect()
        },
    )
}

fn registration() -> impl Strategy<Value = Value> {
    let token = (1..=1_000_000_u64, any::<bool>(), "[!-~]{8,20}").prop_map(|(uses, ends, token)| {
        let until = ends.then_some("2027-06-30");
        json!({"token": token, "uses": if uses % 2 == 0 { Some(uses) } else { None }, "until": until})
    });
    let mode = select(vec!["closed", "token", "open"]);
    (mode, option::of(vec(token, 0..2)), exceptions()).prop_map(
        |(mode, tokens, exceptions)| json!({"mode": mode, "initial_access_tokens": tokens, "exceptions": exceptions}),
    )
}

fn scopes() -> impl Strategy<Value = Vec<Value>> {
    let words = btree_map("[a-z]{2,3}(-[A-Z]{2})?", "[^\\p{C}\\p{Zl}\\p{Zp}]{1,30}", 0..3);
    (subsequence(vec!["orders:read", "true", "1.0", "a#b"], 0..=4), vec(words, 4)).prop_map(|(names, words)| {
        names.into_iter().zip(words).map(|(name, words)| json!({"name": name, "description": words})).collect()
    })
}

/// The fields that have a value.
fn only_said<const N: usize>(fields: [(&str, Option<Value>); N]) -> Map<String, Value> {
    fields.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?))).collect()
}

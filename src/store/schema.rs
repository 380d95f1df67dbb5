//! The tables, as the three sets of migrations make them. Times are seconds since the epoch; hashes are 32 bytes.

diesel::table! {
    users (id) {
        id -> Text,
        username -> Text,
        username_key -> Text,
        username_skeleton -> Text,
        email -> Text,
        email_key -> Text,
        email_verified -> Bool,
        password_hash -> Nullable<Text>,
        claims -> Text,
        roles -> Text,
        disabled_at -> Nullable<BigInt>,
        created_at -> BigInt,
        updated_at -> BigInt,
    }
}

diesel::table! {
    clients (id) {
        id -> Text,
        document -> Text,
        updated_at -> BigInt,
    }
}

diesel::table! {
    scopes (name) {
        name -> Text,
        document -> Text,
        updated_at -> BigInt,
    }
}

diesel::table! {
    resources (identifier) {
        identifier -> Text,
        document -> Text,
        updated_at -> BigInt,
    }
}

diesel::table! {
    policies (name) {
        name -> Text,
        document -> Text,
        updated_at -> BigInt,
    }
}

diesel::table! {
    sessions (hash) {
        hash -> Binary,
        sid -> Text,
        user_id -> Text,
        auth_time -> BigInt,
        created_at -> BigInt,
        last_seen_at -> BigInt,
        idle_expires_at -> BigInt,
        expires_at -> BigInt,
        browser -> Nullable<Text>,
        system -> Nullable<Text>,
        network -> Nullable<Text>,
    }
}

diesel::table! {
    interactions (hash) {
        hash -> Binary,
        request -> Text,
        browser -> Nullable<Binary>,
        authenticated -> Bool,
        consented -> Bool,
        flow_id -> Text,
        created_at -> BigInt,
        expires_at -> BigInt,
    }
}

diesel::table! {
    grants (id) {
        id -> Text,
        user_id -> Text,
        client_id -> Text,
        sid -> Text,
        scopes -> Text,
        resources -> Text,
        nonce -> Nullable<Text>,
        auth_time -> BigInt,
        created_at -> BigInt,
        expires_at -> BigInt,
        revoked_at -> Nullable<BigInt>,
        claims -> Nullable<Text>,
    }
}

diesel::table! {
    consents (user_id, client_id) {
        user_id -> Text,
        client_id -> Text,
        scopes -> Text,
        updated_at -> BigInt,
    }
}

diesel::table! {
    authorization_codes (hash) {
        hash -> Binary,
        grant_id -> Text,
        client_id -> Text,
        redirect_uri -> Text,
        redirect_uri_was_sent -> Bool,
        challenge -> Nullable<Text>,
        challenge_method -> Nullable<Text>,
        issued_at -> BigInt,
        expires_at -> BigInt,
        redeemed_at -> Nullable<BigInt>,
        sweep_at -> BigInt,
    }
}

diesel::table! {
    refresh_token_families (id) {
        id -> Text,
        grant_id -> Text,
        client_id -> Text,
        user_id -> Text,
        scopes -> Text,
        salt -> Binary,
        key_id -> Text,
        rotates -> Bool,
        generation -> BigInt,
        attempt -> BigInt,
        previous_attempt -> BigInt,
        rotated_at -> BigInt,
        created_at -> BigInt,
        last_used_at -> BigInt,
        idle_expires_at -> BigInt,
        expires_at -> BigInt,
        revoked_at -> Nullable<BigInt>,
    }
}

diesel::table! {
    opaque_access_tokens (hash) {
        hash -> Binary,
        client_id -> Text,
        grant_id -> Nullable<Text>,
        scopes -> Text,
        audience -> Text,
        issued_at -> BigInt,
        expires_at -> BigInt,
    }
}

diesel::table! {
    revoked_tokens (hash) {
        hash -> Binary,
        expires_at -> BigInt,
    }
}

diesel::table! {
    throttles (subject) {
        subject -> Binary,
        failures -> BigInt,
        last_failed_at -> BigInt,
        expires_at -> BigInt,
    }
}

diesel::table! {
    quotas (subject) {
        subject -> Binary,
        uses -> BigInt,
        expires_at -> BigInt,
    }
}

diesel::table! {
    open_registrations (client_id) {
        client_id -> Text,
        expires_at -> Nullable<BigInt>,
    }
}

diesel::table! {
    signing_keys (id) {
        id -> Text,
        algorithm -> Text,
        state -> Text,
        slot -> Nullable<Text>,
        public_jwk -> Text,
        sealed_private -> Binary,
        created_at -> BigInt,
        activated_at -> Nullable<BigInt>,
        retiring_at -> Nullable<BigInt>,
        retires_at -> Nullable<BigInt>,
    }
}

diesel::table! {
    secret_keys (id) {
        id -> Text,
        purpose -> Text,
        ordinal -> BigInt,
        sealed -> Binary,
        created_at -> BigInt,
    }
}

diesel::table! {
    refusals (reference) {
        reference -> Text,
        rule -> Text,
        client_id -> Nullable<Text>,
        sent -> Text,
        expected -> Text,
        request_id -> Text,
        endpoint -> Text,
        refused_at -> BigInt,
        expires_at -> BigInt,
    }
}

diesel::table! {
    usage_rollups (id) {
        id -> Binary,
        period -> Text,
        starts_at -> BigInt,
        source -> Text,
        client_id -> Text,
        endpoint -> Text,
        grant_type -> Text,
        resource -> Text,
        outcome -> Text,
        requests -> BigInt,
        duration_us -> BigInt,
        latency_0 -> BigInt,
        latency_1 -> BigInt,
        latency_2 -> BigInt,
        latency_3 -> BigInt,
        latency_4 -> BigInt,
        latency_5 -> BigInt,
        latency_6 -> BigInt,
        latency_7 -> BigInt,
        latency_8 -> BigInt,
        latency_9 -> BigInt,
        latency_10 -> BigInt,
        expires_at -> BigInt,
    }
}

diesel::table! {
    usage_alerts (name) {
        name -> Text,
        holder -> Text,
        held_until -> BigInt,
        is_firing -> Bool,
        changed_at -> BigInt,
        expires_at -> BigInt,
    }
}

diesel::table! {
    used_jwts (hash) {
        hash -> Binary,
        expires_at -> BigInt,
    }
}

diesel::table! {
    usage_batches (id) {
        id -> Binary,
        expires_at -> BigInt,
    }
}

diesel::table! {
    audit_events (id) {
        id -> BigInt,
        occurred_at -> BigInt,
        kind -> Text,
        actor_kind -> Text,
        actor -> Nullable<Text>,
        client_id -> Nullable<Text>,
        user_id -> Nullable<Text>,
        request_id -> Nullable<Text>,
        reference -> Nullable<Text>,
        source -> Nullable<Text>,
        detail -> Text,
    }
}

diesel::table! {
    session_clients (session_hash, client_id, sid) {
        session_hash -> Binary,
        client_id -> Text,
        sid -> Text,
        user_id -> Text,
        created_at -> BigInt,
        expires_at -> BigInt,
    }
}

diesel::table! {
    logout_outbox (id) {
        id -> Binary,
        client_id -> Text,
        user_id -> Text,
        sid -> Text,
        attempts -> BigInt,
        due_at -> BigInt,
        problem -> Nullable<Text>,
        given_up_at -> Nullable<BigInt>,
        created_at -> BigInt,
        expires_at -> BigInt,
    }
}

diesel::allow_tables_to_appear_in_same_query!(
    grants,
    opaque_access_tokens,
    refresh_token_families,
    revoked_tokens,
    session_clients,
    sessions,
    users
);

diesel::table! {
    __diesel_schema_migrations (version) {
        version -> Text,
        run_on -> Timestamp,
    }
}

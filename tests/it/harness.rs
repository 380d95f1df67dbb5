//! The whole sign-in for each kind of client, which is also the proof that the harness works.

use crate::support::TestApp;

/// RFC 6749 §4.1, RFC 7636 §4, RFC 9207 §2, RFC 9068 §2, OIDC Core §3.1
#[tokio::test]
async fn every_kind_of_client_signs_in_refreshes_and_asks_userinfo() {
    let app = TestApp::start().await;
    for client_id in ["native-app", "spa", "first-party", "backend", "backend-post"] {
        let party = app.relying_party(client_id);
        let tokens = party.sign_in(&app.browser(), "alice").await;
        let refreshed = party.refresh(tokens.refresh()).await;
        let refreshed = party.tokens(&refreshed, None).await;
        assert_eq!(refreshed.scope, tokens.scope);
        let claims = party.userinfo(&refreshed.access_token).await.assert_status(200).json();
        assert_eq!(claims["email"], "alice@example.com");
    }
}

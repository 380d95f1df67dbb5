package authward;

import com.nimbusds.jose.JWSHeader;
import com.nimbusds.jose.crypto.ECDSASigner;
import com.nimbusds.jose.jwk.Curve;
import com.nimbusds.jose.jwk.ECKey;
import com.nimbusds.jose.jwk.gen.ECKeyGenerator;
import com.nimbusds.jwt.SignedJWT;
import java.util.List;
import java.util.Map;
import org.springframework.http.MediaType;
import org.springframework.security.oauth2.client.endpoint.OAuth2ClientCredentialsGrantRequest;
import org.springframework.security.oauth2.client.endpoint.RestClientClientCredentialsTokenResponseClient;
import org.springframework.security.oauth2.client.registration.ClientRegistration;
import org.springframework.security.oauth2.client.registration.ClientRegistrations;
import org.springframework.security.oauth2.core.AuthorizationGrantType;
import org.springframework.util.LinkedMultiValueMap;
import org.springframework.web.client.RestClient;

/** Tokens by client_credentials from Spring Security's client, and tokens that somebody else signed. */
final class Tokens {
    private static final String CLIENT_ID = System.getenv("CLIENT_ID");
    private static final String CLIENT_SECRET = System.getenv("CLIENT_SECRET");

    private final String issuer;

    Tokens(String issuer) {
        this.issuer = issuer;
    }

    /** RFC 6749 §4.4 with RFC 8707 §2. */
    String of(String resource, String scope) {
        ClientRegistration registration = ClientRegistrations.fromIssuerLocation(issuer)
                .clientId(CLIENT_ID)
                .clientSecret(CLIENT_SECRET)
                .authorizationGrantType(AuthorizationGrantType.CLIENT_CREDENTIALS)
                .scope(scope.split(" "))
                .build();
        RestClientClientCredentialsTokenResponseClient client = new RestClientClientCredentialsTokenResponseClient();
        client.setParametersCustomizer(parameters -> parameters.set("resource", resource));
        return client.getTokenResponse(new OAuth2ClientCredentialsGrantRequest(registration)).getAccessToken().getTokenValue();
    }

    /** RFC 7009 §2.1 */
    void revoke(String token) {
        RestClient.create().post().uri(issuer + "/revoke")
                .headers(headers -> headers.setBasicAuth(CLIENT_ID, CLIENT_SECRET))
                .contentType(MediaType.APPLICATION_FORM_URLENCODED)
                .body(new LinkedMultiValueMap<>(Map.of("token", List.of(token))))
                .retrieve()
                .toBodilessEntity();
    }

    /** The same claims under the same `kid`, signed with a key of our own. */
    static String forged(String token) throws Exception {
        return signed(token, SignedJWT.parse(token).getHeader().getKeyID());
    }

    /** The same claims under a `kid` that the server never had. */
    static String ofUnknownKey(String token) throws Exception {
        return signed(token, "a-key-of-nobody");
    }

    private static String signed(String token, String keyId) throws Exception {
        SignedJWT original = SignedJWT.parse(token);
        ECKey key = new ECKeyGenerator(Curve.P_256).generate();
        JWSHeader header = new JWSHeader.Builder(original.getHeader().getAlgorithm())
                .type(original.getHeader().getType())
                .keyID(keyId)
                .build();
        SignedJWT other = new SignedJWT(header, original.getJWTClaimsSet());
        other.sign(new ECDSASigner(key));
        return other.serialize();
    }
}

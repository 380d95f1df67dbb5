package authward;

import com.nimbusds.jose.JOSEObjectType;
import com.nimbusds.jose.JWSAlgorithm;
import com.nimbusds.jose.jwk.source.JWKSourceBuilder;
import com.nimbusds.jose.proc.DefaultJOSEObjectTypeVerifier;
import com.nimbusds.jose.proc.JWSVerificationKeySelector;
import com.nimbusds.jose.proc.SecurityContext;
import com.nimbusds.jwt.JWTClaimsSet;
import com.nimbusds.jwt.proc.DefaultJWTClaimsVerifier;
import com.nimbusds.jwt.proc.DefaultJWTProcessor;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.time.Clock;
import java.time.Duration;
import java.time.Instant;
import java.time.ZoneOffset;
import java.util.Date;
import java.util.Objects;
import java.util.Set;
import org.springframework.boot.SpringApplication;
import org.springframework.context.ConfigurableApplicationContext;
import org.springframework.security.oauth2.jwt.JwtClaimValidator;
import org.springframework.security.oauth2.jwt.JwtDecoder;
import org.springframework.security.oauth2.jwt.JwtTimestampValidator;
import org.springframework.security.oauth2.jwt.JwtValidators;
import org.springframework.security.oauth2.jwt.NimbusJwtDecoder;

/**
 * Spring Security's resource server with its defaults, with the type of RFC 9068, and with introspection; then Nimbus by
 * itself. The tokens come from Spring Security's own client.
 */
public final class ResourceServers {
    private static final String ISSUER = System.getenv("ISSUER");
    private static final String API = System.getenv("API");
    private static final String OTHER = System.getenv("OTHER");
    /** Longer than any token of these tests lives. */
    private static final Duration LATER = Duration.ofHours(2);

    private static final HttpClient HTTP = HttpClient.newHttpClient();

    private ResourceServers() {}

    public static void main(String[] arguments) throws Exception {
        Tokens tokens = new Tokens(ISSUER);
        defaultsTakeTypeJwt(tokens);
        oneDecoderTakesTheTypeOfRfc9068(tokens);
        introspection(tokens);
        nimbus(tokens);
        System.out.println("java: Spring Security's defaults, at+jwt, introspection, and Nimbus");
        System.exit(0);
    }

    /** Two properties and no code: the decoder's default refuses `at+jwt`, so this API's `access_token_type` is JWT. */
    private static void defaultsTakeTypeJwt(Tokens tokens) throws Exception {
        String resource = API + "/jwt";
        String read = tokens.of(resource, "orders:read");
        try (Api api = new Api(
                "spring.security.oauth2.resourceserver.jwt.issuer-uri=" + ISSUER,
                "spring.security.oauth2.resourceserver.jwt.audiences=" + resource + "," + API + "/at-jwt")) {
            expect(200, api.call("GET", read), "a token of type JWT");
            expect(403, api.call("POST", read), "a token without the scope");
            expect(200, api.call("POST", tokens.of(resource, "orders:read orders:write")), "a token with both scopes");
            expect(401, api.call("GET", tokens.of(OTHER + "/jwt", "orders:read")), "a token for another API");
            expect(401, api.call("GET", Tokens.forged(read)), "a token signed with a key that is not the server's");
            expect(401, api.call("GET", Tokens.ofUnknownKey(read)), "a token whose key is not in JWKS");
            expect(401, api.call("GET", tokens.of(API + "/at-jwt", "orders:read")), "type at+jwt, by default");
        }
    }

    private static void oneDecoderTakesTheTypeOfRfc9068(Tokens tokens) {
        String resource = API + "/at-jwt";
        String read = tokens.of(resource, "orders:read");
        JwtDecoder decoder = atJwtDecoder(resource);
        equal("orders:read", decoder.decode(read).getClaimAsString("scope"));
        refused(() -> decoder.decode(tokens.of(OTHER + "/at-jwt", "orders:read")), "aud");
        refused(() -> decoder.decode(tokens.of(API + "/jwt", "orders:read")), "typ");
        refused(() -> decoder.decode(Tokens.forged(read)), "signature");
        refused(() -> decoder.decode(Tokens.ofUnknownKey(read)), "");
        // The decoder's own check of times, two hours ahead.
        JwtTimestampValidator timestamps = new JwtTimestampValidator();
        timestamps.setClock(Clock.fixed(Instant.now().plus(LATER), ZoneOffset.UTC));
        equal(true, timestamps.validate(decoder.decode(read)).hasErrors());
    }

    private static JwtDecoder atJwtDecoder(String resource) {
        NimbusJwtDecoder decoder = NimbusJwtDecoder.withIssuerLocation(ISSUER).validateType(false).build();
        decoder.setJwtValidator(JwtValidators.createAtJwtValidator()
                .issuer(ISSUER)
                .audience(resource)
                .validators(all -> all.put("client_id", new JwtClaimValidator<>("client_id", Objects::nonNull)))
                .build());
        return decoder;
    }

    /** Spring's introspector does not look at the audience: a token for an API this client does not serve is inactive. */
    private static void introspection(Tokens tokens) throws Exception {
        String resource = API + "/opaque";
        try (Api api = new Api(
                "spring.security.oauth2.resourceserver.opaquetoken.introspection-uri=" + ISSUER + "/introspect",
                "spring.security.oauth2.resourceserver.opaquetoken.client-id=" + System.getenv("API_CLIENT_ID"),
                "spring.security.oauth2.resourceserver.opaquetoken.client-secret=" + System.getenv("API_CLIENT_SECRET"))) {
            String read = tokens.of(resource, "orders:read");
            expect(200, api.call("GET", read), "an opaque token");
            expect(403, api.call("POST", read), "an opaque token without the scope");
            expect(401, api.call("GET", read.substring(1)), "a shortened token");
            expect(401, api.call("GET", tokens.of(OTHER + "/opaque", "orders:read")), "an opaque token for another API");
            tokens.revoke(read);
            expect(401, api.call("GET", read), "a revoked token");
        }
    }

    private static void nimbus(Tokens tokens) throws Exception {
        String resource = API + "/at-jwt";
        String read = tokens.of(resource, "orders:read");
        DefaultJWTProcessor<SecurityContext> processor = nimbusProcessor(resource, Duration.ZERO);
        equal("orders:read", processor.process(read, null).getStringClaim("scope"));
        refused(() -> processor.process(tokens.of(OTHER + "/at-jwt", "orders:read"), null), "aud");
        refused(() -> processor.process(tokens.of(API + "/jwt", "orders:read"), null), "typ");
        refused(() -> processor.process(Tokens.forged(read), null), "signature");
        refused(() -> processor.process(Tokens.ofUnknownKey(read), null), "");
        refused(() -> nimbusProcessor(resource, LATER).process(read, null), "Expired");
    }

    private static DefaultJWTProcessor<SecurityContext> nimbusProcessor(String resource, Duration later) throws Exception {
        DefaultJWTProcessor<SecurityContext> processor = new DefaultJWTProcessor<>();
        processor.setJWSTypeVerifier(new DefaultJOSEObjectTypeVerifier<>(new JOSEObjectType("at+jwt")));
        processor.setJWSKeySelector(new JWSVerificationKeySelector<>(
                Set.of(JWSAlgorithm.ES256, JWSAlgorithm.RS256),
                JWKSourceBuilder.create(URI.create(ISSUER + "/jwks").toURL()).retrying(true).build()));
        processor.setJWTClaimsSetVerifier(new DefaultJWTClaimsVerifier<>(
                resource,
                new JWTClaimsSet.Builder().issuer(ISSUER).build(),
                Set.of("sub", "exp", "iat", "jti", "client_id")) {
            @Override
            protected Date currentTime() {
                return Date.from(Instant.now().plus(later));
            }
        });
        return processor;
    }

    /** The API on a free port, in a context of its own. */
    private static final class Api implements AutoCloseable {
        private final ConfigurableApplicationContext context;
        private final String url;

        Api(String... properties) {
            SpringApplication application = new SpringApplication(OrdersApi.class);
            application.setRegisterShutdownHook(false);
            String[] arguments = new String[properties.length + 4];
            arguments[0] = "--server.port=0";
            arguments[1] = "--server.address=127.0.0.1";
            arguments[2] = "--spring.main.banner-mode=off";
            arguments[3] = "--logging.level.root=warn";
            for (int index = 0; index < properties.length; index += 1) {
                arguments[index + 4] = "--" + properties[index];
            }
            context = application.run(arguments);
            url = "http://127.0.0.1:" + context.getEnvironment().getProperty("local.server.port") + "/orders";
        }

        HttpResponse<String> call(String method, String token) throws Exception {
            HttpRequest request = HttpRequest.newBuilder(URI.create(url))
                    .method(method, HttpRequest.BodyPublishers.noBody())
                    .header("Authorization", "Bearer " + token)
                    .timeout(Duration.ofSeconds(20))
                    .build();
            return HTTP.send(request, HttpResponse.BodyHandlers.ofString());
        }

        @Override
        public void close() {
            context.close();
        }
    }

    private static void expect(int status, HttpResponse<String> answer, String what) {
        if (answer.statusCode() != status) {
            throw new AssertionError(what + ": " + answer.statusCode() + " in place of " + status + ", "
                    + answer.headers().firstValue("WWW-Authenticate").orElse("no challenge"));
        }
    }

    private interface Check {
        void run() throws Exception;
    }

    private static void refused(Check check, String word) {
        try {
            check.run();
        } catch (Exception refusal) {
            if (!refusal.getMessage().contains(word)) {
                throw new AssertionError("refused for another reason than `" + word + "`", refusal);
            }
            return;
        }
        throw new AssertionError("this was to be refused: " + word);
    }

    private static void equal(Object expected, Object found) {
        if (!expected.equals(found)) {
            throw new AssertionError(found + " in place of " + expected);
        }
    }
}

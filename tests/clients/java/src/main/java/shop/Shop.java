package shop;

import java.util.Map;
import org.springframework.boot.SpringApplication;
import org.springframework.boot.autoconfigure.SpringBootApplication;
import org.springframework.context.annotation.Bean;
import org.springframework.security.config.Customizer;
import org.springframework.security.config.annotation.web.builders.HttpSecurity;
import org.springframework.security.core.annotation.AuthenticationPrincipal;
import org.springframework.security.oauth2.client.oidc.web.logout.OidcClientInitiatedLogoutSuccessHandler;
import org.springframework.security.oauth2.client.registration.ClientRegistrationRepository;
import org.springframework.security.oauth2.core.oidc.user.OidcUser;
import org.springframework.security.web.SecurityFilterChain;
import org.springframework.web.bind.annotation.GetMapping;
import org.springframework.web.bind.annotation.RestController;

/** A web application of Spring Boot: properties say who signs people in, and one handler that signing out goes on there. */
@SpringBootApplication
@RestController
public class Shop {
    public static void main(String[] arguments) {
        SpringApplication application = new SpringApplication(Shop.class);
        String registration = "spring.security.oauth2.client.registration.authward.";
        application.setDefaultProperties(Map.of(
                "server.address", "127.0.0.1",
                "server.port", System.getenv("PORT"),
                "spring.security.oauth2.client.provider.authward.issuer-uri", System.getenv("ISSUER"),
                registration + "client-id", System.getenv("CLIENT_ID"),
                registration + "client-secret", System.getenv("CLIENT_SECRET"),
                registration + "scope", "openid,profile,email"));
        application.run(arguments);
    }

    @Bean
    SecurityFilterChain security(HttpSecurity http, ClientRegistrationRepository clients) throws Exception {
        OidcClientInitiatedLogoutSuccessHandler there = new OidcClientInitiatedLogoutSuccessHandler(clients);
        there.setPostLogoutRedirectUri("{baseUrl}/goodbye");
        return http.authorizeHttpRequests(requests ->
                        requests.requestMatchers("/goodbye").permitAll().anyRequest().authenticated())
                .oauth2Login(Customizer.withDefaults())
                .logout(logout -> logout.logoutSuccessHandler(there))
                .build();
    }

    @GetMapping("/orders")
    String orders(@AuthenticationPrincipal OidcUser person) {
        return "Orders of " + person.getEmail();
    }

    @GetMapping("/goodbye")
    String goodbye() {
        return "Signed out";
    }
}

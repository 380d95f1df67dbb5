package authward;

import java.util.Map;
import org.springframework.boot.autoconfigure.SpringBootApplication;
import org.springframework.security.access.prepost.PreAuthorize;
import org.springframework.security.config.annotation.method.configuration.EnableMethodSecurity;
import org.springframework.security.core.Authentication;
import org.springframework.web.bind.annotation.GetMapping;
import org.springframework.web.bind.annotation.PostMapping;
import org.springframework.web.bind.annotation.RestController;

/** An API of Spring Boot without any security code of its own: properties say how tokens are validated. */
@SpringBootApplication
@EnableMethodSecurity
@RestController
public class OrdersApi {
    @GetMapping("/orders")
    @PreAuthorize("hasAuthority('SCOPE_orders:read')")
    Map<String, String> all(Authentication caller) {
        return Map.of("subject", caller.getName());
    }

    @PostMapping("/orders")
    @PreAuthorize("hasAuthority('SCOPE_orders:write')")
    Map<String, String> add(Authentication caller) {
        return Map.of("subject", caller.getName());
    }
}

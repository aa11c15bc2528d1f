#include "worker/amqp/sasl_server.hpp"

#include <proton/sasl.h>
#include <proton/sasl_plugin.h>

#include <string>

namespace pgw::amqp {

namespace {

credential_check& check_of(pn_transport_t* transport) {
    return *static_cast<credential_check*>(pnx_sasl_get_context(transport));
}

const char* list_mechanisms(pn_transport_t* transport) {
    return check_of(transport).authenticate({}, {}) ? "PLAIN ANONYMOUS" : "PLAIN";
}

// RFC 4616: [authzid] NUL authcid NUL passwd.
bool check_plain(credential_check& check, std::string_view response) {
    const auto first = response.find('\0');
    if (first == std::string_view::npos) return false;
    const auto second = response.find('\0', first + 1);
    if (second == std::string_view::npos) return false;
    const auto user = response.substr(first + 1, second - first - 1);
    // Empty credentials mean ANONYMOUS to the check; PLAIN may not borrow that meaning.
    if (user.empty()) return false;
    return check.authenticate(user, response.substr(second + 1));
}

void process_init(pn_transport_t* transport, const char* mechanism, const pn_bytes_t* response) {
    auto& check = check_of(transport);
    const std::string_view name(mechanism);
    bool accepted = false;
    if (name == "ANONYMOUS") {
        accepted = check.authenticate({}, {});
    } else if (name == "PLAIN" && response->start != nullptr) {
        accepted = check_plain(check, {response->start, response->size});
    }
    if (accepted) {
        pnx_sasl_set_succeeded(transport, "peer", "peer");
    } else {
        pnx_sasl_set_failed(transport);
    }
    pnx_sasl_set_desired_state(transport, SASL_POSTED_OUTCOME);
}

bool init_server(pn_transport_t* transport) {
    pnx_sasl_set_desired_state(transport, SASL_POSTED_MECHANISMS);
    return true;
}

// Neither mechanism has challenges or a security layer.
constexpr pnx_sasl_implementation implementation{
    .free = [](pn_transport_t*) {},
    .list_mechanisms = list_mechanisms,
    .init_server = init_server,
    .init_client = [](pn_transport_t*) { return false; },
    .prepare_write = [](pn_transport_t*) {},
    .process_init = process_init,
    .process_response = [](pn_transport_t*, const pn_bytes_t*) {},
    .process_mechanisms = [](pn_transport_t*, const char*) { return false; },
    .process_challenge = [](pn_transport_t*, const pn_bytes_t*) {},
    .process_outcome = [](pn_transport_t*, const pn_bytes_t*) {},
    .can_encrypt = [](pn_transport_t*) { return false; },
    .max_encrypt_size = [](pn_transport_t*) { return ssize_t{0}; },
    .encode = [](pn_transport_t*, pn_bytes_t, pn_bytes_t*) { return ssize_t{0}; },
    .decode = [](pn_transport_t*, pn_bytes_t, pn_bytes_t*) { return ssize_t{0}; },
};

}  // namespace

void install_sasl_server(pn_transport_t* transport, credential_check& check) {
    auto* sasl = pn_sasl(transport);
    pnx_sasl_set_implementation(transport, &implementation, &check);
    pn_sasl_allowed_mechs(sasl, "PLAIN ANONYMOUS");
    pn_sasl_set_allow_insecure_mechs(sasl, true);  // whether to offer PLAIN is the policy's choice
    pn_transport_require_auth(transport, !check.authenticate({}, {}));
}

}  // namespace pgw::amqp

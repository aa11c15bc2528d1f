// The server's SASL: ANONYMOUS and PLAIN, decided by a callback. Proton's own server knows
// ANONYMOUS only. Internal: sees Proton.
#pragma once

#include <proton/transport.h>

#include <string_view>

namespace pgw::amqp {

/// Decides on credentials; empty user and password stand for ANONYMOUS.
class credential_check {
public:
    virtual ~credential_check() = default;

    virtual bool authenticate(std::string_view user, std::string_view password) = 0;
};

/// Call after pn_transport_set_server and before the transport is bound. `check` outlives the
/// transport.
void install_sasl_server(pn_transport_t* transport, credential_check& check);

}  // namespace pgw::amqp

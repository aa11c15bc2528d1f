// Who we are to the API server, kept fresh: tokens from files, credential plug-ins, certificates.
#pragma once

#include "common/base/log.hpp"
#include "common/kube/config.hpp"
#include "common/kube/error.hpp"

#include <boost/asio/awaitable.hpp>

#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

namespace boost::asio {
class io_context;
}
namespace pgw::net {
class tls_context;
}

namespace pgw::kube {

/// What one request needs.
struct credential {
    std::vector<std::pair<std::string, std::string>> headers;  ///< Authorization, Impersonate-*.
    std::shared_ptr<net::tls_context> tls;                     ///< nullptr: plain HTTP.
    /// Changes when CA or client certificate do: connections of an older one are closed.
    std::uint64_t tls_generation = 0;
};

/// What tests shorten.
struct credential_timing {
    base::milliseconds token{50'000};   ///< Until the token's file is read again.
    base::milliseconds files{5'000};    ///< Until CA and certificate files are looked at again.
    base::milliseconds plugin{60'000};  ///< How long a plug-in may run.
    base::milliseconds plugin_pause{5'000};  ///< Between a plug-in's failure and its next run.
    base::milliseconds plugin_leeway{10'000
    };  ///< So long before its expiry a credential is renewed.
};

/// On one io_context's thread.
class credentials {
public:
    credentials(
        boost::asio::io_context& io,
        client_config config,
        base::logger log,
        credential_timing timing = {}
    );
    ~credentials();

    /// Files are looked at again when 60 s (the token, with 10 s of leeway) or 5 s (CA and
    /// certificates) have passed; what cannot be read leaves the last value in force. A plug-in
    /// runs when its credential is about to expire; callers meanwhile wait for it. An error is
    /// `unauthorized` without a code: there is nothing, or nothing valid any more, to show.
    boost::asio::awaitable<result<credential>> current();
    /// The server answered 401 to a request that began at `used`: what is older is dropped.
    void refused(base::time_point used);

private:
    struct impl;
    std::shared_ptr<impl> impl_;
};

}  // namespace pgw::kube

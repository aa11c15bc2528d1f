// Follows the files of secrets: certificates and credentials that are there, come later or change.
#pragma once

#include "common/base/log.hpp"
#include "common/manifest/model/gateway.hpp"
#include "common/net/tls_context.hpp"
#include "worker/amqp/uplink.hpp"
#include "worker/server/secret_references.hpp"
#include "worker/server/secrets.hpp"

#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

namespace pgw::server {

/// A key that is missing or not usable.
struct secret_problem {
    secret_reference reference;
    std::string problem;
};

/// One thread calls it; what it hands out may be used by any. What was loaded once stays in force
/// while its files are missing or invalid.
class secret_watch {
public:
    secret_watch(secrets files, base::logger log);

    /// The TLS context of a listener, null when it has none. Not loaded before check().
    std::shared_ptr<net::tls_context> add(const manifest::listener& listener, std::size_t index);
    /// Sets `secrets` and `tls` of an upstream's settings, where it needs them.
    void add(
        const manifest::upstream& upstream, std::size_t index, amqp::uplink_settings& settings
    );

    /// Looks at all files. Each problem, and the end of each, is logged once; so is a private key or
    /// password that every user of the machine can read, and an empty password, which are used
    /// nevertheless.
    void check();

    const std::vector<secret_problem>& problems() const noexcept { return problems_; }
    /// `field: secret 'name', key 'key': problem (file)`, one a line.
    std::string describe_problems() const;

private:
    struct tls_entry {
        std::string path;
        std::shared_ptr<net::tls_context> context;
        std::vector<secret_reference> references;
    };
    struct upstream_entry {
        std::shared_ptr<amqp::upstream_secrets> secrets;
        std::optional<tls_entry> tls;
        std::optional<login_references> login;
        bool has_login = false;  ///< It was there once.
    };

    tls_entry make(net::tls_files files, const tls_references& references);
    void check(tls_entry& entry, std::vector<secret_problem>& found);
    void check(upstream_entry& entry, std::vector<secret_problem>& found);
    void log_changes(const std::vector<secret_problem>& now);
    void warn_of_weak_ones();
    void warn(const secret_reference& reference, const std::string& weakness);

    secrets files_;
    base::logger log_;
    std::vector<tls_entry> listeners_;
    std::vector<upstream_entry> upstreams_;
    std::vector<secret_problem> problems_;
    std::vector<secret_reference> private_ones_;  ///< Keys and passwords.
    std::set<std::string> warned_;                ///< Files and what is weak about them.
};

}  // namespace pgw::server

#include "worker/server/secret_watch.hpp"

#include <algorithm>

namespace pgw::server {
namespace {

net::peer_verification verification_of(manifest::client_auth_mode mode) {
    switch (mode) {
        case manifest::client_auth_mode::optional:
            return net::peer_verification::optional;
        case manifest::client_auth_mode::required:
            return net::peer_verification::required;
        case manifest::client_auth_mode::none:
            break;
    }
    return net::peer_verification::none;
}

std::string describe(const secret_problem& what) {
    const auto& [path, secret, key] = what.reference;
    return "secret '" + secret + "', key '" + key + "': " + what.problem;
}

bool same_key(const secret_problem& a, const secret_problem& b) {
    return a.reference.path == b.reference.path && a.reference.key == b.reference.key;
}

bool same(const secret_problem& a, const secret_problem& b) {
    return same_key(a, b) && a.problem == b.problem;
}

}  // namespace

secret_watch::secret_watch(secrets files, base::logger log)
    : files_(std::move(files)), log_(std::move(log)) {}

secret_watch::tls_entry secret_watch::make(net::tls_files files, const tls_references& references) {
    if (!references.key.secret.empty()) private_ones_.push_back(references.key);
    const auto set = [this](std::string& file, const secret_reference& reference) {
        if (!reference.secret.empty()) file = files_.path(reference.secret, reference.key);
    };
    set(files.certificate, references.certificate);
    set(files.key, references.key);
    set(files.ca, references.ca);
    return {
        references.path, std::make_shared<net::tls_context>(std::move(files)), references.all()
    };
}

std::shared_ptr<net::tls_context> secret_watch::add(
    const manifest::listener& listener, std::size_t index
) {
    if (!listener.tls) return nullptr;
    net::tls_files files;
    files.role = net::tls_role::server;
    files.verification = verification_of(listener.tls->client_auth);
    return listeners_.emplace_back(make(std::move(files), references_of(listener, index))).context;
}

void secret_watch::add(
    const manifest::upstream& upstream, std::size_t index, amqp::uplink_settings& settings
) {
    upstream_entry entry;
    entry.secrets = std::make_shared<amqp::upstream_secrets>();
    if (std::ranges::any_of(upstream.endpoints, [](const auto& e) { return e.tls; })) {
        net::tls_files files;
        files.role = net::tls_role::client;
        files.verification = net::peer_verification::required;
        entry.tls = make(std::move(files), references_of(upstream, index));
        settings.tls = entry.tls->context;
    }
    if (upstream.sasl.mechanism == manifest::sasl_mechanism::plain) {
        entry.login = login_of(upstream, index);
        private_ones_.push_back(entry.login->password);
    }
    if (!entry.tls && !entry.login) return;
    settings.secrets = entry.secrets;
    upstreams_.push_back(std::move(entry));
}

void secret_watch::check() {
    std::vector<secret_problem> found;
    for (auto& entry : listeners_) check(entry, found);
    for (auto& entry : upstreams_) check(entry, found);
    log_changes(found);
    problems_ = std::move(found);
    warn_of_weak_ones();
}

void secret_watch::warn_of_weak_ones() {
    for (const auto& reference : private_ones_) {
        const auto weakness = files_.weakness(reference.secret, reference.key);
        if (!weakness.empty()) warn(reference, weakness);
    }
}

void secret_watch::warn(const secret_reference& reference, const std::string& weakness) {
    const auto file = files_.path(reference.secret, reference.key);
    if (!warned_.insert(file + " " + weakness).second) return;
    log_.warn(
        "secret badly kept", {{"field", reference.path}, {"file", file}, {"problem", weakness}}
    );
}

void secret_watch::check(tls_entry& entry, std::vector<secret_problem>& found) {
    const auto before = found.size();
    for (const auto& reference : entry.references) {
        if (auto problem = files_.problem(reference.secret, reference.key); !problem.empty()) {
            found.push_back({reference, std::move(problem)});
        }
    }
    if (found.size() > before) return;
    auto problem = entry.context->reload();
    if (!problem) return;
    // The text begins with the file that it is about; without one the first must answer for all.
    for (const auto& reference : entry.references) {
        const auto file = files_.path(reference.secret, reference.key);
        if (!problem->starts_with(file)) continue;
        problem->erase(0, file.size());
        problem->erase(0, std::min(problem->find_first_not_of(": "), problem->size()));
        found.push_back({reference, std::move(*problem)});
        return;
    }
    const auto& all = entry.references;
    found.push_back({all.empty() ? secret_reference{entry.path, {}, {}} : all.front(), *problem});
}

void secret_watch::check(upstream_entry& entry, std::vector<secret_problem>& found) {
    auto values = entry.secrets->get();
    values.problem.clear();
    if (entry.tls) {
        const auto before = found.size();
        check(*entry.tls, found);
        if (found.size() > before && !entry.tls->context->loaded()) {
            values.problem = describe(found[before]);
        }
    }
    if (entry.login) {
        const auto before = found.size();
        const auto read = [&](const secret_reference& reference) {
            auto content = files_.read(reference.secret, reference.key);
            if (!content.problem.empty()) found.push_back({reference, std::move(content.problem)});
            return std::move(content.text);
        };
        auto user_name = read(entry.login->user_name);
        auto password = read(entry.login->password);
        if (found.size() == before) {
            if (password.empty()) warn(entry.login->password, "it is empty");
            values.user_name = std::move(user_name);
            values.password = std::move(password);
            entry.has_login = true;
        } else if (!entry.has_login && values.problem.empty()) {
            values.problem = describe(found[before]);
        }
    }
    entry.secrets->set(std::move(values));
}

void secret_watch::log_changes(const std::vector<secret_problem>& now) {
    for (const auto& problem : now) {
        if (std::ranges::any_of(problems_, [&](const auto& old) { return same(old, problem); })) {
            continue;
        }
        const auto& [path, secret, key] = problem.reference;
        log_.warn(
            "secret not usable",
            {{"field", path}, {"secret", secret}, {"key", key}, {"problem", problem.problem}}
        );
    }
    for (const auto& old : problems_) {
        if (std::ranges::any_of(now, [&](const auto& problem) { return same_key(old, problem); })) {
            continue;
        }
        const auto& [path, secret, key] = old.reference;
        log_.info("secret usable", {{"field", path}, {"secret", secret}, {"key", key}});
    }
}

std::string secret_watch::describe_problems() const {
    std::string text;
    for (const auto& problem : problems_) {
        if (!text.empty()) text += '\n';
        const auto& [path, secret, key] = problem.reference;
        text += path + ": " + describe(problem) + " (" + files_.path(secret, key) + ")";
    }
    return text;
}

}  // namespace pgw::server

// Tokens and TLS settings, looked at again when they are asked for.
#include "common/kube/credentials.hpp"

#include "common/base/digits.hpp"
#include "common/kube/base64.hpp"
#include "common/kube/child_process.hpp"
#include "common/kube/config_sources.hpp"
#include "common/kube/exec_credential.hpp"
#include "common/net/tls_context.hpp"

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/dispatch.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>

#include <algorithm>
#include <exception>
#include <string_view>
#include <utility>

namespace pgw::kube {

namespace asio = boost::asio;

namespace {

constexpr std::size_t max_token_bytes = std::size_t{64} << 10;
constexpr std::size_t max_ca_bytes = std::size_t{1} << 20;

error nothing_to_show(std::string message) {
    error made;
    made.kind = error_kind::unauthorized;
    made.message = std::move(message);
    return made;
}

std::string trimmed(std::string_view text) {
    constexpr std::string_view space = " \t\r\n";
    const auto first = text.find_first_not_of(space);
    if (first == std::string_view::npos) return {};
    return std::string(text.substr(first, text.find_last_not_of(space) - first + 1));
}

bool holds_control_characters(std::string_view text) {
    return std::any_of(text.begin(), text.end(), [](char c) {
        return static_cast<unsigned char>(c) < ' ' || c == 0x7f;
    });
}

// What is no token character goes percent-encoded into a header's name.
std::string header_key(std::string_view text) {
    constexpr std::string_view plain =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789!#$&'*+-.^_`|~";
    std::string key;
    for (const char c : text) {
        if (plain.find(c) != std::string_view::npos) {
            key += c;
            continue;
        }
        key += '%';
        base::append_hex(key, static_cast<unsigned char>(c), base::upper_digits);
    }
    return key;
}

net::tls_files tls_files_of(const client_config& config) {
    net::tls_files files;
    files.role = net::tls_role::client;
    files.certificate = config.client_certificate.file;
    files.certificate_text = config.client_certificate.text;
    files.key = config.client_key.file;
    files.key_text = config.client_key.text;
    files.ca = config.ca.file;
    files.ca_text = config.ca.text;
    files.trust_any_server = config.insecure_skip_tls_verify;
    return files;
}

}  // namespace

struct credentials::impl : std::enable_shared_from_this<impl> {
    impl(asio::io_context& context, client_config c, base::logger l, credential_timing t)
        : io(context),
          config(std::move(c)),
          timing(t),
          log(std::move(l)),
          plugin_done(context, base::time_point::max()) {
        if (config.tls) tls = std::make_shared<net::tls_context>(tls_files_of(config));
    }

    std::optional<error> read_token(base::time_point now);
    std::optional<error> load_tls(base::time_point now);
    void adopt(exec_credential&& fresh, base::time_point now);
    void start_plugin();
    bool wants_plugin(base::time_point now) const;
    bool has_header_of_its_own() const;
    result<credential> present(base::time_point now);

    static asio::awaitable<void> run_plugin(std::shared_ptr<impl> self);

    asio::io_context& io;
    const client_config config;
    const credential_timing timing;
    const base::logger log;

    std::string token;
    std::optional<base::time_point> token_read;

    std::shared_ptr<net::tls_context> tls;
    std::uint64_t older_generations = 0;  // of the contexts before `tls`
    std::optional<base::time_point> tls_looked_at;
    std::string tls_problem;  // that was logged last

    struct plugin_state {
        std::string token;
        std::string certificate;
        std::optional<base::time_point> obtained;
        base::time_point renew = base::time_point::max();
        base::time_point expires = base::time_point::max();
        std::optional<base::time_point> failed;
        std::string problem;
        bool running = false;
    } plugin;
    asio::steady_timer plugin_done;  // cancelled when a run is over: wakes those who wait
    asio::cancellation_signal cancel;
    bool closed = false;
};

// client-go asks a plug-in only where nothing else names the user.
bool credentials::impl::has_header_of_its_own() const {
    return !config.token_file.empty() || !config.token.empty() || !config.user_name.empty() ||
           !config.password.empty();
}

std::optional<error> credentials::impl::read_token(base::time_point now) {
    if (config.token_file.empty()) {
        token = config.token;
        return std::nullopt;
    }
    if (token_read && now - *token_read < timing.token) return std::nullopt;
    auto read = read_small_file(config.token_file, max_token_bytes);
    auto fresh = read.content ? trimmed(*read.content) : std::string();
    auto problem = std::move(read.problem);
    if (read.content && fresh.empty()) problem = config.token_file + ": it is empty";
    if (holds_control_characters(fresh)) problem = config.token_file + ": it is no token";
    if (problem.empty()) {
        token = std::move(fresh);
        token_read = now;
        return std::nullopt;
    }
    // The token read before lives for a while yet: a file that cannot be read now stops nothing.
    if (token.empty()) token = config.token;
    if (token.empty()) return nothing_to_show(problem);
    log.warn("the token cannot be read again", {{"problem", problem}});
    return std::nullopt;
}

std::optional<error> credentials::impl::load_tls(base::time_point now) {
    if (!tls) return std::nullopt;
    if (tls->loaded() && tls_looked_at && now - *tls_looked_at < timing.files) return std::nullopt;
    tls_looked_at = now;
    const auto problem = tls->reload();
    if (!problem) {
        tls_problem.clear();
        return std::nullopt;
    }
    if (!tls->loaded()) return nothing_to_show(*problem);
    if (std::exchange(tls_problem, *problem) != *problem) {
        log.warn("certificates cannot be loaded again", {{"problem", *problem}});
    }
    return std::nullopt;
}

bool credentials::impl::wants_plugin(base::time_point now) const {
    if (!config.exec) return false;
    if (plugin.failed && now - *plugin.failed < timing.plugin_pause) return false;
    return !plugin.obtained || now >= plugin.renew;
}

void credentials::impl::start_plugin() {
    plugin.running = true;
    asio::co_spawn(
        io,
        run_plugin(shared_from_this()),
        asio::bind_cancellation_slot(
            cancel.slot(),
            [self = shared_from_this()](const std::exception_ptr& failure) {
                self->plugin.running = false;
                if (failure && !self->closed) {
                    self->plugin.failed = base::clock::now();
                    self->plugin.problem = "could not be run";
                }
                self->plugin_done.cancel();
            }
        )
    );
}

asio::awaitable<void> credentials::impl::run_plugin(std::shared_ptr<impl> self) {
    const auto& exec = *self->config.exec;
    auto ca = self->config.ca.text;
    if (exec.provide_cluster_info && !self->config.ca.file.empty()) {
        ca = read_small_file(self->config.ca.file, max_ca_bytes).content.value_or("");
    }
    child_command command;
    command.program = exec.command;
    command.arguments = exec.arguments;
    command.environment = exec.environment;
    command.environment.emplace_back("KUBERNETES_EXEC_INFO", exec_info(self->config, ca));
    command.deadline = self->timing.plugin;
    auto ended = co_await run_child(std::move(command));

    const auto now = base::clock::now();
    std::string problem;
    if (const auto* failure = std::get_if<child_failure>(&ended)) {
        problem = failure->text;
        if (failure->not_found && !exec.install_hint.empty()) problem += ": " + exec.install_hint;
    } else {
        auto parsed = parse_exec_credential(std::get<std::string>(ended), exec.api_version);
        if (auto* fresh = std::get_if<exec_credential>(&parsed)) {
            self->adopt(std::move(*fresh), now);
            co_return;
        }
        problem = std::get<std::string>(parsed);
    }
    self->plugin.failed = now;
    self->plugin.problem = problem;
    self->log.warn("credential plug-in failed", {{"plugin", exec.command}, {"problem", problem}});
}

void credentials::impl::adopt(exec_credential&& fresh, base::time_point now) {
    plugin.failed.reset();
    plugin.obtained = now;
    plugin.token = std::move(fresh.token);
    plugin.renew = plugin.expires = base::time_point::max();
    if (fresh.expires) {
        const auto left = *fresh.expires - std::chrono::system_clock::now();
        plugin.expires = now + std::chrono::duration_cast<base::duration>(left);
        // One that lives shortly is used as long as it lives, and one that is dead already once.
        const auto early = plugin.expires - timing.plugin_leeway;
        plugin.renew = early > now ? early : std::max(plugin.expires, now + base::seconds{1});
    }
    if (!tls || fresh.certificate == plugin.certificate) return;
    plugin.certificate = fresh.certificate;
    auto files = tls_files_of(config);
    if (!fresh.certificate.empty()) {
        files.certificate_text = std::move(fresh.certificate);
        files.key_text = std::move(fresh.key);
    }
    older_generations += tls->generation();
    tls = std::make_shared<net::tls_context>(std::move(files));
    tls_looked_at.reset();
}

result<credential> credentials::impl::present(base::time_point now) {
    if (auto failed = read_token(now)) return *failed;
    if (auto failed = load_tls(now)) return *failed;
    credential made;
    auto& headers = made.headers;
    auto bearer = token;
    if (bearer.empty() && !has_header_of_its_own()) bearer = plugin.token;
    if (!bearer.empty()) {
        headers.emplace_back("Authorization", "Bearer " + bearer);
    } else if (!config.user_name.empty() || !config.password.empty()) {
        headers.emplace_back(
            "Authorization", "Basic " + encode_base64(config.user_name + ":" + config.password)
        );
    }
    if (!config.impersonate_user.empty()) {
        headers.emplace_back("Impersonate-User", config.impersonate_user);
        if (!config.impersonate_uid.empty()) {
            headers.emplace_back("Impersonate-Uid", config.impersonate_uid);
        }
        for (const auto& group : config.impersonate_groups) {
            headers.emplace_back("Impersonate-Group", group);
        }
        for (const auto& [key, values] : config.impersonate_extra) {
            const auto name = "Impersonate-Extra-" + header_key(key);
            for (const auto& value : values) headers.emplace_back(name, value);
        }
    }
    made.tls = tls;
    if (tls) made.tls_generation = older_generations + tls->generation();
    return made;
}

credentials::credentials(
    asio::io_context& io, client_config config, base::logger log, credential_timing timing
)
    : impl_(std::make_shared<impl>(io, std::move(config), std::move(log), timing)) {}

credentials::~credentials() {
    impl_->closed = true;
    if (!impl_->plugin.running) return;
    // Within the loop's run: elsewhere the signal is passed on later, and must live until then.
    asio::dispatch(impl_->io, [self = impl_] { self->cancel.emit(asio::cancellation_type::all); });
}

asio::awaitable<result<credential>> credentials::current() {
    const auto self = impl_;
    auto& plugin = self->plugin;
    if (!plugin.running && self->wants_plugin(base::clock::now())) self->start_plugin();
    while (plugin.running) {
        co_await self->plugin_done.async_wait(asio::as_tuple(asio::use_awaitable));
        // Woken by the end of the run, or because the caller is.
        const auto state = co_await asio::this_coro::cancellation_state;
        if (state.cancelled() != asio::cancellation_type::none) {
            co_return nothing_to_show("stopped while a credential plug-in ran");
        }
    }
    if (self->closed) {
        auto stopped = nothing_to_show("stopped");
        stopped.kind = error_kind::stopped;
        co_return stopped;
    }
    const auto now = base::clock::now();
    if (self->config.exec && plugin.failed && (!plugin.obtained || now >= plugin.expires)) {
        const auto text = "credential plug-in " + self->config.exec->command + " " + plugin.problem;
        co_return nothing_to_show(text);
    }
    co_return self->present(now);
}

void credentials::refused(base::time_point used) {
    if (impl_->token_read && *impl_->token_read < used) impl_->token_read.reset();
    impl_->tls_looked_at.reset();
    auto& plugin = impl_->plugin;
    if (plugin.obtained && *plugin.obtained < used && !plugin.running) plugin.obtained.reset();
}

}  // namespace pgw::kube

// What is known of the gateways and of everything made for them: fed by watches and by our own
// writes, whose answers are newer than the watches.
#pragma once

#include "common/kube/reflector_sink.hpp"
#include "operator/controllers/protocol_gateway/model.hpp"
#include "operator/controllers/protocol_gateway/report.hpp"

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <unordered_map>
#include <vector>

namespace pgw::controllers {

/// A worker's last report, by the pod that gave it.
struct polled {
    std::string pod_uid;
    std::optional<worker_report> report;  ///< nullopt: it could not be reached.
    /// Since when its upstreams are as they are; for hysteresis.
    base::time_point since{};
};

/// Everything of one gateway. Without `record` only leftovers of one that is gone.
struct gateway_entry {
    std::optional<gateway_record> record;
    std::vector<child> children;
    std::vector<pod> pods;
    std::vector<scaler> scalers;
    std::vector<polled> reports;

    child* find(child_kind kind, std::string_view name);
    const polled* report_of(const std::string& pod_uid) const;
    bool empty() const;
};

enum class cause : std::uint8_t { listed, changed };

/// Not thread-safe. `on_dirty` is called with the key of each gateway that something happened to.
class cache {
public:
    using dirty_handler = std::function<void(const std::string& key, cause why)>;

    explicit cache(dirty_handler on_dirty);
    ~cache();

    /// Sinks for reflectors; each lives as long as the cache. One for each namespace and
    /// collection.
    kube::reflector_sink& gateways(const std::string& ns);
    kube::reflector_sink& children(child_kind kind, const std::string& ns);
    kube::reflector_sink& pods(const std::string& ns);
    kube::reflector_sink& scalers(const std::string& ns);

    gateway_entry* find(const std::string& key);
    const std::unordered_map<std::string, gateway_entry>& all() const noexcept { return entries_; }
    std::size_t gateways() const noexcept;

    /// The answer to a write of ours. Returns the child; nullptr when it is none.
    child* store_child(const std::string& key, child_kind kind, const json::object& object);
    /// After a delete was accepted.
    void mark_deleting(const std::string& key, child_kind kind, const std::string& name);
    /// The answer to a status write.
    void store_gateway(const json::object& object);
    void store_report(const std::string& key, polled report);

private:
    struct sink;
    struct gateway_sink;
    struct child_sink;
    struct pod_sink;
    struct scaler_sink;

    void erase_if_empty(const std::string& key);

    std::unordered_map<std::string, gateway_entry> entries_;
    dirty_handler on_dirty_;
    std::vector<std::unique_ptr<kube::reflector_sink>> sinks_;
};

}  // namespace pgw::controllers

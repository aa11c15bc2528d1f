// Making one object be as it should, with as few requests as possible.
#pragma once

#include "common/kube/client.hpp"
#include "operator/controllers/protocol_gateway/cache.hpp"

#include <string>

namespace pgw::controllers {

enum class ensured : std::uint8_t {
    unchanged,  ///< It was so already; nothing was written.
    created,
    updated,
    conflict,  ///< An object of that name exists and is not this gateway's: it was left alone.
    rejected,  ///< The API server refuses it (422): trying again does not help.
    failed,    ///< Try again later.
    ending,    ///< The namespace is being deleted.
};

struct ensure_result {
    ensured outcome = ensured::unchanged;
    std::string text;  ///< For conflict, rejected and failed.
};

/// Applies and removes a gateway's objects by server-side apply. Not re-entrant for one object.
class applier {
public:
    applier(kube::client& client, cache& known) : client_(client), cache_(known) {}

    /// - The cache holds the object with this intent, and its content is known to hold it: nothing.
    /// - It has this intent but its content is new to us (we have just started, or somebody edited
    ///   it): it is read and compared; only if it lost something it is applied again.
    /// - It is not in the cache: it is read, so that an object of somebody else is never touched.
    /// `inputs` is remembered with the verified object: see child::inputs.
    kube::awaitable<ensure_result> ensure(
        resources::gateway_ref owner, child_kind kind, json::object desired, std::string inputs = {}
    );

    /// Deletes the object if it is this gateway's and still the one that the cache knows.
    kube::awaitable<ensure_result> remove(
        resources::gateway_ref owner, child_kind kind, std::string name
    );

    std::uint64_t writes() const noexcept { return writes_; }

private:
    kube::awaitable<ensure_result> write(
        resources::gateway_ref owner,
        child_kind kind,
        json::object desired,
        std::string uid,
        std::string inputs
    );
    void verify(
        const std::string& key, child_kind kind, const std::string& name, std::string inputs
    );

    kube::client& client_;
    cache& cache_;
    std::uint64_t writes_ = 0;
};

}  // namespace pgw::controllers

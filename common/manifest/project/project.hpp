// Parts of a stored manifest, cut along the marks of the field tables. They work on the JSON as it
// is stored, defaults not written out, so that a new default or a new field moves nothing. What
// this program does not know is in neither part.
#pragma once

#include <boost/json.hpp>

#include <string>
#include <vector>

namespace pgw::manifest {

/// The manifest that a worker reads: apiVersion, kind, metadata.name, and of spec the fields of
/// worker scope.
boost::json::object worker_manifest(const boost::json::object& manifest);

/// Of spec what is of change class `roll`, whatever its scope, with sorted keys: what a new worker
/// is needed for. `worker.image` and `worker.upgradePolicy` are `live` here: the image is chosen
/// elsewhere. Empty objects and lists are left out: they mean the same as nothing.
boost::json::object roll_class(const boost::json::object& manifest);

/// A Secret that the manifest refers to.
struct secret_use {
    std::string path;  ///< Of the first field that refers to it: `spec.listeners[0].tls.secretRef`.
    std::string name;
    std::vector<std::string> keys;  ///< Sorted, each once.
};

struct gateway;
/// By name.
std::vector<secret_use> secrets_of(const gateway& gateway);

}  // namespace pgw::manifest

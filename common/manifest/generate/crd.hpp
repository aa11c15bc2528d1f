// The CustomResourceDefinition, generated from the field tables.
#pragma once

#include <boost/json.hpp>

#include <string>

namespace pgw::manifest {

/// protocolgateways.protocolgateway.dev, v1alpha1. Its only default is spec.shards: 1.
boost::json::object crd();

/// The same as YAML: crds/protocolgateways.yaml.
std::string crd_yaml();

/// The schema of `status`, which the operator writes.
boost::json::object status_schema();

/// All fields of spec and status as Markdown: docs/crd-reference.md.
std::string crd_reference();

}  // namespace pgw::manifest

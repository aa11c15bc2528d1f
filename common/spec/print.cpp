// The effective manifest as YAML and JSON.
#include "common/spec/read.hpp"
#include "common/spec/to_json.hpp"
#include "common/spec/yaml_text.hpp"

namespace pgw::spec {

std::string print_manifest(const gateway& gateway) {
    return to_yaml(object_to_json(gateway));
}

std::string print_manifest_json(const gateway& gateway) {
    return boost::json::serialize(object_to_json(gateway)) + "\n";
}

}  // namespace pgw::spec

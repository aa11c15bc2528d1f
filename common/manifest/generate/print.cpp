// The effective manifest as YAML and JSON.
#include "common/manifest/generate/print.hpp"

#include "common/manifest/generate/to_json.hpp"
#include "common/manifest/text/yaml_text.hpp"

namespace pgw::manifest {

std::string print_manifest(const gateway& gateway) {
    return to_yaml(object_to_json(gateway));
}

std::string print_manifest_json(const gateway& gateway) {
    return boost::json::serialize(object_to_json(gateway)) + "\n";
}

}  // namespace pgw::manifest

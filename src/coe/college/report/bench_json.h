// Sweeps over K and transfer matrices in a report's document.
#pragma once

#include <nlohmann/json_fwd.hpp>

namespace coe {

// `document`: of `coe mask --sweep --json`. Keys: docs/formats/report.md, `sweeps`.
nlohmann::ordered_json sweep_json(const nlohmann::ordered_json& document);
// `rows`: of `coe bench transfer`. Keys: docs/formats/report.md, `transfers`.
nlohmann::ordered_json transfer_json(const nlohmann::ordered_json& rows);

}  // namespace coe

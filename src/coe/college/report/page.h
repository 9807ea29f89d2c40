// A report's document as one HTML file that needs no network.
#pragma once

#include <nlohmann/json_fwd.hpp>

#include <string>
#include <string_view>

namespace coe {

// Every page begins so.
inline constexpr std::string_view kReportStart = "<!doctype html>\n<!-- A report of coe.";

// The page holds `document` (schema `coe.report/1`, docs/formats/report.md), its styles, scripts
// and libraries. The same document gives the same bytes. Text of the document reaches the page as
// data only.
std::string report_page(const nlohmann::ordered_json& document);

}  // namespace coe

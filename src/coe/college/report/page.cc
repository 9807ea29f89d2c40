#include "coe/college/report/page.h"

#include "coe/base/json.h"
#include "coe/college/report/page_parts.h"

#include <algorithm>
#include <array>
#include <string_view>

namespace coe {
namespace {

// All scripts share one scope and run in this order.
constexpr std::array<std::string_view, 10> kScripts = {
    "/dom.js",    "/data.js", "/figure.js", "/summary.js", "/experts.js",
    "/charts.js", "/heal.js", "/swaps.js",  "/compare.js", "/page.js"};

std::string_view part(std::string_view path) {
  const auto parts = report_page_parts();
  return std::ranges::find(parts, path, &EmbeddedFile::path)->bytes;
}

void replace(std::string& text, std::string_view mark, std::string_view by) {
  text.replace(text.find(mark), mark.size(), by);
}

// `<` could begin `</script>` or `<!--`, which would end the element or change how it is read.
std::string script_data(const nlohmann::ordered_json& document) {
  std::string out;
  const auto text = json_text(document);
  out.reserve(text.size());
  for (const char c : text) {
    if (c == '<')
      out += "\\u003c";
    else
      out += c;
  }
  return out;
}

std::string library(std::string_view license, std::string_view script) {
  std::string text = "/*\n";
  text += part(license);
  text += "*/\n";
  text += part(script);
  return text + "\n";
}

}  // namespace

std::string report_page(const nlohmann::ordered_json& document) {
  std::string scripts = "'use strict';\n";
  for (const auto name : kScripts) scripts += part(name);
  std::string page(part("/report.html"));
  replace(page, "@STYLES@", part("/report.css"));
  replace(
      page, "@LIBRARIES@",
      library("/d3-license.txt", "/d3.min.js") + library("/plot-license.txt", "/plot.umd.min.js"));
  replace(page, "@SCRIPTS@", scripts);
  replace(page, "@DATA@", script_data(document));  // last: nothing in it is a mark any more
  return page;
}

}  // namespace coe

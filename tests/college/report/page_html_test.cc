// The page of a report: what it is put together from, and that text of a document stays data.
#include "coe/base/json.h"
#include "coe/college/report/page.h"
#include "coe/college/report/page_parts.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

namespace coe {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::StartsWith;
using Json = nlohmann::ordered_json;

std::string between(const std::string& text, const std::string& from, const std::string& to) {
  const auto start = text.find(from) + from.size();
  return text.substr(start, text.find(to, start) - start);
}

TEST(ReportPage, HoldsTheDocumentAndNeedsNothingElse) {
  const Json document = {{"schema", "coe.report/1"}, {"runs", Json::array()}};
  const auto page = report_page(document);
  EXPECT_THAT(page, StartsWith(kReportStart));
  EXPECT_EQ(parse_json<Json>(between(page, "id=\"data\">", "</script>")), document);
  for (const auto* mark : {"@STYLES@", "@LIBRARIES@", "@SCRIPTS@", "@DATA@"})
    EXPECT_THAT(page, Not(HasSubstr(mark)));
  EXPECT_THAT(page, HasSubstr("default-src 'none'"));
  for (const auto* loads : {"<script src", "<link rel=\"stylesheet\"", "@import", "url(http"})
    EXPECT_THAT(page, Not(HasSubstr(loads)));
  EXPECT_EQ(page, report_page(document));
}

TEST(ReportPage, TextOfADocumentEndsNoElement) {
  const Json document = {{"name", "</script><script>alert(1)</script><!-- @DATA@"}};
  const auto page = report_page(document);
  EXPECT_THAT(page, Not(HasSubstr("<script>alert(1)")));
  EXPECT_EQ(parse_json<Json>(between(page, "id=\"data\">", "</script>")), document);
}

TEST(ReportPage, CarriesTheLicencesOfItsLibraries) {
  const auto page = report_page(Json::object());
  for (const auto* holder : {"Copyright 2010-2023 Mike Bostock", "Observable, Inc."})
    EXPECT_THAT(page, HasSubstr(holder));
  EXPECT_THAT(page, HasSubstr("Permission to use, copy, modify"));
}

TEST(ReportPage, ItsOwnScriptsParseNoMarkup) {
  for (const auto& part : report_page_parts()) {
    if (!part.path.ends_with(".js") || part.path.find(".min.") != std::string_view::npos) continue;
    for (const auto* sink :
         {"innerHTML", "outerHTML", "insertAdjacentHTML", "document.write", "eval("})
      EXPECT_THAT(std::string(part.bytes), Not(HasSubstr(sink))) << part.path;
  }
}

}  // namespace
}  // namespace coe

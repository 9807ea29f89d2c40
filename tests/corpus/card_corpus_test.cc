// examples/coe-web.toml, which builds the reference's web corpus.
#include "corpus/build_fixture.h"

#include <gtest/gtest.h>

#include <cstdint>
#include <string>
#include <vector>

namespace coe {
namespace {

using testing::CorpusBuild;
using testing::value_of;

// A small file in the form of the reference's 01_coding_web.jsonl: Evol-Instruct's records stand in
// it twice, those of HumanEval have no topic.
class CardCorpus : public CorpusBuild {
 protected:
  void add(int n, const nlohmann::ordered_json& fields, int n_copy) {
    for (int i = 0; i < n; ++i, ++n_made_) {
      nlohmann::ordered_json record = fields;
      record["task_id"] = std::to_string(n_made_);
      record["prompt"] = "Task " + std::to_string(n_made_);
      record["canonical_solution"] = "Solution " + std::to_string(n_made_);
      for (int copy = 0; copy < n_copy; ++copy) lines_ += record.dump() + "\n";
    }
  }
  int n_made_ = 0;
  std::string lines_;
};

TEST_F(CardCorpus, HasFiveWeightedPartsWithoutDuplicatesAndReact) {
  add(12, {{"language", "web"}, {"topic", "web"}}, 2);
  add(11, {{"language", "web"}, {"topic", "html"}}, 2);
  add(10, {{"language", "web"}, {"topic", "css"}}, 2);
  add(5, {{"language", "web"}, {"topic", "react"}}, 2);
  add(13, {{"language", "ts"}}, 1);
  add(14, {{"language", "js"}, {"topic", nullptr}}, 1);
  // These belong nowhere, and are no reason to stop.
  add(2, {{"topic", "other"}}, 1);
  add(3, nlohmann::ordered_json::object(), 1);
  write("data/01_coding_web.jsonl", lines_);
  const auto report =
      value_of(build_corpus({Path(COE_SOURCE_DIR) / "examples/coe-web.toml", dir_ / "out.jsonl",
                             dir_ / "data", Overwrite::kAllow, model_},
                            observer_));
  struct Part {
    const char* name;
    double weight;
    std::uint64_t n_before;
    std::uint64_t n_record;
  };
  const std::vector<Part> parts = {{"web_js_evol", .25, 24, 12}, {"web_ts", .30, 13, 13},
                                   {"web_html", .20, 22, 11},    {"web_js_algo", .15, 14, 14},
                                   {"web_css", .10, 20, 10},     {"web_react", 1.0, 10, 5}};
  ASSERT_EQ(report.domains.size(), parts.size());
  for (std::size_t i = 0; i < parts.size(); ++i) {
    const auto& domain = report.domains[i];
    EXPECT_EQ(domain.name, parts[i].name);
    EXPECT_EQ(domain.weight, parts[i].weight) << domain.name;
    EXPECT_EQ(domain.n_record, parts[i].n_record) << domain.name;
    EXPECT_EQ(domain.n_record + domain.n_duplicate, parts[i].n_before) << domain.name;
    EXPECT_EQ(domain.n_filtered + parts[i].n_before, 108U) << domain.name;  // of the whole file
    EXPECT_EQ(domain.left_out, domain.name == "web_react");
  }
  EXPECT_EQ(report.n_record, 60U);
  ASSERT_EQ(observer_.warnings.size(), 1U);
  EXPECT_NE(observer_.warnings[0].find("web_react"), std::string::npos);
}

}  // namespace
}  // namespace coe

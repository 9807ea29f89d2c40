// Renders what `coe corpus build` and `coe corpus check` found.
#pragma once

#include "coe/cli/render/document.h"
#include "coe/corpus/build.h"
#include "coe/corpus/check.h"
#include "coe/corpus/leaks.h"

#include <string>
#include <vector>

namespace coe::cli {

// `has_tokens`: a model has counted them.
Json built_domains_json(const CorpusBuildReport& report, bool has_tokens);
std::string built_domains_table(const CorpusBuildReport& report, bool has_tokens);

Json domain_rows(const std::vector<DomainFacts>& domains, bool has_tokens);
std::string domain_table(const std::vector<DomainFacts>& domains, bool has_tokens);
Json leak_rows(const LeakReport& report);
std::string leak_text(const LeakReport& report, const LeakOptions& options);

}  // namespace coe::cli

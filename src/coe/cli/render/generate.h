// Renders the report of `coe corpus generate`.
#pragma once

#include "coe/answer/answerer.h"
#include "coe/cli/render/document.h"
#include "coe/generate/generate.h"

#include <string>

namespace coe::cli {

Json generate_json(const GenerateCorpusReport& report, const GenerateCorpusOptions& options,
                   const AnswererInfo& info);
std::string generate_text(const GenerateCorpusReport& report, const GenerateCorpusOptions& options);

}  // namespace coe::cli

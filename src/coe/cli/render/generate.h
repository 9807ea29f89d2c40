// Renders the report of `coe corpus generate`.
#pragma once

#include "coe/ask/answer/answerer.h"
#include "coe/ask/generate/generate.h"
#include "coe/cli/render/document.h"

#include <string>

namespace coe::cli {

Json generate_json(const GenerateCorpusReport& report, const GenerateCorpusOptions& options,
                   const AnswererInfo& info);
std::string generate_text(const GenerateCorpusReport& report, const GenerateCorpusOptions& options);

}  // namespace coe::cli

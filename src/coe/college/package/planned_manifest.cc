#include "coe/college/package/planned_manifest.h"

#include "coe/ask/ask.h"
#include "coe/base/sha256.h"
#include "coe/base/text.h"
#include "coe/college/package/quoting.h"

#include <fmt/format.h>

#include <algorithm>

namespace coe {

PackageManifest planned_manifest(const PackageNaming& naming, const ChildFacts& child) {
  PackageManifest m;
  m.version = tool_version();
  m.name = naming.name.empty() ? child.id.name : naming.name;
  m.slug = file_slug(m.name);
  if (m.slug.empty()) m.slug = file_slug(naming.child.stem().string());
  if (m.slug.empty()) m.slug = "specialist";
  m.publisher = naming.publisher;
  const bool says_type =
      lower_ascii(m.slug).find(lower_ascii(child.quantization)) != std::string::npos;
  m.model = {.file = says_type ? fmt::format("{}.gguf", m.slug)
                               : fmt::format("{}-{}.gguf", m.slug, child.quantization),
             .name = child.id.name,
             .architecture = child.id.architecture,
             .digest = child.id.digest,
             .bytes = child.bytes,
             .sha256 = {},
             .n_expert = child.n_expert,
             .n_expert_used = child.n_expert_used,
             .n_block = child.n_block,
             .n_ctx_train = child.n_ctx_train,
             .quantization = child.quantization,
             .chat_template_sha256 =
                 child.chat_template.empty() ? std::string() : sha256_of(child.chat_template),
             .needs_text_part = child.needs_text_part};
  m.parent = {.name = child.cut.parent_name,
              .digest = child.cut.parent_digest,
              .n_expert = child.cut.n_expert,
              .file = {},
              .bytes = 0,
              .sha256 = {}};
  const auto defaults = specialist_defaults();
  m.sampling = defaults.sampling;
  m.max_new_tokens = defaults.max_new_tokens;
  m.n_ctx = child.n_ctx_train > 0 ? std::min(naming.n_ctx, child.n_ctx_train) : naming.n_ctx;
  return m;
}

}  // namespace coe

// Corpus specs, which are TOML, on arbitrary bytes: a spec whose values are in their bounds, or an
// error of one line that begins with the file.
#include "coe/corpus/spec.h"

#include "require.h"

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <string_view>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view toml(reinterpret_cast<const char*>(data), size);
  const auto spec = coe::parse_corpus_spec(toml, "spec.toml");
  if (!spec) {
    require_plain(spec.error(), {coe::Code::kCorrupt, coe::Code::kInvalidArgument});
    require(spec.error().message.starts_with("spec.toml"));
    return 0;
  }
  require(!spec->domains.empty());
  for (const auto& domain : spec->domains) {
    require(!domain.name.empty() && domain.name.size() <= 32);
    require(std::isfinite(domain.weight) && domain.weight > 0.0);
    require(!domain.sources.empty());
    for (const auto& source : domain.sources) require(!source.where.empty());
  }
  static_cast<void>(coe::needs_model(*spec));
  return 0;
}

// The texts of a package from hostile bytes: a Modelfile, front matter, a manifest. Each is an
// error that names its place, or is read; and any text that is quoted for one of them is read back.

#include "coe/base/result.h"
#include "coe/college/package/front_matter.h"
#include "coe/college/package/manifest.h"
#include "coe/college/package/modelfile.h"
#include "coe/college/package/quoting.h"

#include "require.h"

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using coe::Code;
  // data may be null when size is 0.
  const auto text =
      size == 0 ? std::string_view() : std::string_view(reinterpret_cast<const char*>(data), size);
  if (const auto read = coe::parse_modelfile(text, "input"); !read)
    require_plain(read.error(), {Code::kCorrupt});
  if (const auto read = coe::parse_front_matter(text, "input"); !read)
    require_plain(read.error(), {Code::kCorrupt});
  if (const auto read = coe::parse_manifest(text, "input")) {
    const auto written = coe::manifest_text(*read);
    const auto again = coe::parse_manifest(written, "again");
    require(again && coe::manifest_text(*again) == written);
  } else {
    require_plain(read.error(), {Code::kCorrupt, Code::kUnsupported});
  }

  const auto card = "---\nkey: " + coe::yaml_text(text) + "\nnext: one\n---\n";
  const auto items = coe::parse_front_matter(card, "card");
  require(items && items->size() == 2 && items->front().values.size() == 1);
  if (const auto quoted = coe::modelfile_text(text, "text")) {
    const auto commands =
        coe::parse_modelfile("FROM ./m\nSYSTEM " + *quoted + "\nPARAMETER seed 1\n", "Modelfile");
    require(commands && commands->size() == 3 && (*commands)[2].name == "seed");
  } else {
    require_plain(quoted.error(), {Code::kInvalidArgument});
  }
  const auto slug = coe::file_slug(text);
  require(coe::file_slug(slug) == slug);
  require(coe::markdown_text(text).find_first_of("<>\n") == std::string::npos);
  return 0;
}

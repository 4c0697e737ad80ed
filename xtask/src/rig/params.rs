//! Parameters of the guest's kernel modules, as in `vivid.n_devs=2`.

use std::collections::BTreeMap;

use anyhow::{Result, bail};

use super::modules::key;

/// For each module the words that follow its name when it is loaded.
pub(crate) type Params = BTreeMap<String, Vec<String>>;

/// Reads `MODULE.NAME=VALUE` words, separated by blanks.
pub(crate) fn parse(text: &str) -> Result<Params> {
    let mut params = Params::new();
    for word in text.split_whitespace() {
        let parts = word.split_once('.').filter(|(module, rest)| {
            !module.is_empty()
                && !module.contains('=')
                && rest
                    .split_once('=')
                    .is_some_and(|(name, value)| !name.is_empty() && !value.is_empty())
        });
        let Some((module, rest)) = parts else {
            bail!("module parameter {word:?}: expected MODULE.NAME=VALUE, as in vivid.n_devs=2");
        };
        params.entry(key(module)).or_default().push(rest.to_owned());
    }
    Ok(params)
}

/// Refuses parameters that `module` does not know: the kernel would only log them.
pub(crate) fn check(module: &str, known: &[String], params: &Params) -> Result<()> {
    for word in params.get(module).into_iter().flatten() {
        let name = word.split('=').next().unwrap_or_default();
        if !known.iter().any(|known| known == name) {
            bail!(
                "module {module} has no parameter {name}; it has {}",
                known.join(", ")
            );
        }
    }
    Ok(())
}

/// The guest's list of modules: in `order`, one line each, with its parameters.
pub(crate) fn load_list(order: &str, params: &Params) -> Result<String> {
    for module in params.keys() {
        if !order.lines().any(|line| line == module) {
            let known: Vec<&str> = order.lines().collect();
            bail!(
                "module {module} is not loaded by this guest; it loads {}",
                known.join(", ")
            );
        }
    }
    let mut list = String::new();
    for module in order.lines() {
        let words = params
            .get(module)
            .map(|words| words.join(" "))
            .unwrap_or_default();
        list.push_str(&format!("{module} {words}\n"));
    }
    Ok(list)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_parameter_goes_to_its_module() {
        let params =
            parse("vivid.n_devs=2 vicodec.multiplanar=2  vivid.node_types=0x1,0x1").unwrap();
        let list = load_list("mc\nvivid\nvicodec", &params).unwrap();
        assert_eq!(
            list,
            "mc \nvivid n_devs=2 node_types=0x1,0x1\nvicodec multiplanar=2\n"
        );
    }

    #[test]
    fn what_is_not_a_parameter_is_refused_by_name() {
        for word in [
            "vivid",
            "n_devs=2",
            "vivid.n_devs",
            ".n=1",
            "vivid.=1",
            "vivid.n=",
        ] {
            let error = parse(word).unwrap_err().to_string();
            assert!(error.contains(word), "{error}");
        }
    }

    #[test]
    fn parameters_that_a_module_does_not_have_are_refused() {
        let known = ["n_devs".to_owned()];
        assert!(check("vivid", &known, &parse("vivid.n_devs=2").unwrap()).is_ok());
        let error = check("vivid", &known, &parse("vivid.n_dev=2").unwrap()).unwrap_err();
        assert!(
            error
                .to_string()
                .contains("no parameter n_dev; it has n_devs")
        );
    }

    #[test]
    fn parameters_of_an_absent_module_are_refused() {
        let error = load_list("mc\nvivid", &parse("vicodec.multiplanar=2").unwrap()).unwrap_err();
        assert!(error.to_string().contains("mc, vivid"), "{error}");
    }
}

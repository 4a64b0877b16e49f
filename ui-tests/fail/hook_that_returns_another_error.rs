use dialogue::prelude::*;

async fn audit() -> std::io::Result<()> {
    Ok(())
}

fn main() {
    let _ = Dialogue::builder()
        .on_joined(|_, _, _| async { audit().await })
        .on_left(|_, _, _| async { "done" })
        .before_join(|_, _| async { Err(Refusal::new("you are banned")) });
}

"""64 jobs in a batch that cost next to nothing, and seven more batches on the way."""
import nascent


@nascent.evaluator(batch=64, slots=512)
def evaluate(jobs):
    return [{"accuracy": job.genes["y"]} for job in jobs]

"""Lines from the files of others: IAM, PAGE-XML and ALTO, data sets of the hub, logits."""
